const assert = require('node:assert/strict');
const { test } = require('node:test');
const {
  EMAIL, EMAIL_TEMPLATE, MOMENT, NUMBER, REPLY_TO, SENDING_KEY, SERVICE, SMS_SENDER, SMS_TEMPLATE, URL,
  client, newReference, refused, waitFor,
} = require('./platform_under_test');

const personalisation = { name: 'Jo' };
const statusOf = async (id) => (await client().getNotificationById(id)).data.status;

test('a text is accepted and can be read back', async () => {
  const reference = newReference();
  const { status, data: sent } = await client().sendSms(SMS_TEMPLATE, NUMBER, {
    personalisation, reference, smsSenderId: SMS_SENDER,
  });
  assert.equal(status, 201);
  const body = 'Hello Jo\n\nFunctional Tests make our world a better place';
  assert.deepEqual(sent.content, { body, from_number: 'CLIENTTESTS' });
  assert.equal(sent.uri, `${URL}/v2/notifications/${sent.id}`);
  assert.equal(sent.template.id, SMS_TEMPLATE);

  const { data: read } = await client().getNotificationById(sent.id);
  assert.deepEqual(
    [read.type, read.phone_number, read.body, read.reference, read.subject],
    ['sms', NUMBER, body, reference, null],
  );
  assert.match(read.created_at, MOMENT);
});

test('an e-mail is accepted and can be read back', async () => {
  const reference = newReference();
  const oneClickUnsubscribeURL = 'https://www.example.com/unsubscribe?opaque=123';
  const { status, data: sent } = await client().sendEmail(EMAIL_TEMPLATE, EMAIL, {
    personalisation, reference, emailReplyToId: REPLY_TO, oneClickUnsubscribeURL,
  });
  assert.equal(status, 201);
  const body = 'Hello Jo\r\n\r\nFunctional test help make our world a better place';
  assert.equal(sent.content.body, body);
  assert.equal(sent.content.subject, 'Functional Tests are good');
  assert.equal(sent.content.one_click_unsubscribe_url, oneClickUnsubscribeURL);
  assert.deepEqual(sent.sanitised_content, {});

  const { data: read } = await client().getNotificationById(sent.id);
  assert.deepEqual([read.type, read.email_address, read.body, read.reference], ['email', EMAIL, body, reference]);
  assert.equal(read.one_click_unsubscribe_url, oneClickUnsubscribeURL);
});

test('what the public wrote is made harmless', async () => {
  const name = '[click](https://evil.example)';
  const { data: sent } = await client().sendEmail(EMAIL_TEMPLATE, EMAIL, {
    personalisation: { name }, sanitiseContentFor: ['name'],
  });
  assert.deepEqual(sent.sanitised_content, { name: { unsanitised: name, sanitised: '\\[click\\]\\(\\)' } });
});

test('what a test key sends has the outcome that its recipient asks for', async () => {
  const { data: text } = await client().sendSms(SMS_TEMPLATE, NUMBER, { personalisation });
  await waitFor(async () => (await statusOf(text.id)) === 'delivered');
  const { data: email } = await client().sendEmail(EMAIL_TEMPLATE, 'perm-fail@simulator.notify', { personalisation });
  await waitFor(async () => (await statusOf(email.id)) === 'permanent-failure');
});

test('a team key reaches the team and nobody else', async () => {
  const team = client(SENDING_KEY);
  assert.equal((await team.sendSms(SMS_TEMPLATE, NUMBER, { personalisation })).status, 201);
  assert.equal((await team.sendEmail(EMAIL_TEMPLATE, EMAIL, { personalisation })).status, 201);
  await refused(
    400, 'BadRequestError', 'Can’t send to this recipient using a team-only API key',
    team.sendEmail(EMAIL_TEMPLATE, 'stranger@example.com', { personalisation }),
  );
});

test('what is wrong with a message is said', async () => {
  await refused(400, 'BadRequestError', 'Missing personalisation: name', client().sendSms(SMS_TEMPLATE, NUMBER));
  await refused(400, 'BadRequestError', 'Template not found', client().sendSms(SERVICE, NUMBER, { personalisation }));
  await refused(
    400, 'ValidationError', 'email_address Not a valid email address',
    client().sendEmail(EMAIL_TEMPLATE, 'nobody', { personalisation }),
  );
  await refused(
    400, 'BadRequestError', 'email template is not suitable for sms notification',
    client().sendSms(EMAIL_TEMPLATE, NUMBER, { personalisation }),
  );
});

test('an option that the client does not know is refused by the client itself', async () => {
  await assert.rejects(client().sendSms(SMS_TEMPLATE, NUMBER, { nonsense: true }), /not recognised/);
});

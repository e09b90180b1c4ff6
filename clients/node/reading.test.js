const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { mock, test } = require('node:test');
const {
  API_KEY, EMAIL, EMAIL_TEMPLATE, INBOUND_KEY, LETTER_TEMPLATE, NUMBER, SERVICE, SMS_TEMPLATE,
  client, newReference, refused,
} = require('./platform_under_test');

test('messages are listed newest first and filtered', async () => {
  const reference = newReference();
  const personalisation = { name: 'Jo' };
  const text = (await client().sendSms(SMS_TEMPLATE, NUMBER, { personalisation, reference })).data.id;
  const email = (await client().sendEmail(EMAIL_TEMPLATE, EMAIL, { personalisation, reference })).data.id;
  const ids = async (...filters) => (await client().getNotifications(...filters)).data.notifications.map((one) => one.id);
  assert.deepEqual(await ids(null, null, reference), [email, text]);
  assert.deepEqual(await ids('sms', null, reference), [text]);
  assert.deepEqual(await ids(null, null, reference, email), [text]);
  assert.deepEqual(await ids(null, 'cancelled', reference), []);
  assert.ok((await ids()).length >= 2);
  const { links } = (await client().getNotifications(null, null, reference)).data;
  assert.ok(links.next.endsWith(`older_than=${text}`));
});

test('a template is shown as it is and as it was', async () => {
  for (const [id, type, name, first] of [
    [SMS_TEMPLATE, 'sms', 'Client Functional test sms template', 'Example text message template'],
    [EMAIL_TEMPLATE, 'email', 'Client Functional test email template', 'Client Functional test email template'],
    [LETTER_TEMPLATE, 'letter', 'Client functional letter template', 'Untitled'],
  ]) {
    const { data: template } = await client().getTemplateById(id);
    assert.deepEqual([template.id, template.type, template.name, template.version], [id, type, name, 2]);
    const { data: version } = await client().getTemplateByIdAndVersion(id, 1);
    assert.deepEqual([version.id, version.name, version.version], [id, first, 1]);
  }
});

test('templates are listed by type', async () => {
  const all = (await client().getAllTemplates()).data.templates.map((one) => one.id);
  for (const id of [SMS_TEMPLATE, EMAIL_TEMPLATE, LETTER_TEMPLATE]) assert.ok(all.includes(id));
  const letters = (await client().getAllTemplates('letter')).data.templates;
  assert.ok(letters.length > 0 && letters.every((one) => one.type === 'letter'));
});

test('a preview shows the message that would be sent', async () => {
  const { data: text } = await client().previewTemplateById(SMS_TEMPLATE, { name: 'Jo' });
  assert.equal(text.body, 'Hello Jo\n\nFunctional Tests make our world a better place');
  const { data: email } = await client().previewTemplateById(EMAIL_TEMPLATE, { name: 'Jo' });
  assert.equal(email.subject, 'Functional Tests are good');
  assert.match(email.html, /<p/);
  await refused(400, 'BadRequestError', 'Missing personalisation: name', client().previewTemplateById(SMS_TEMPLATE));
});

test('received texts are listed page by page', async () => {
  const { data: first } = await client(INBOUND_KEY).getReceivedTexts();
  assert.ok(first.received_text_messages.length > 0);
  const last = first.received_text_messages.at(-1);
  assert.equal(last.service_id, INBOUND_KEY.slice(-73, -37));
  assert.ok(first.links.next.endsWith(`older_than=${last.id}`));
  const { data: rest } = await client(INBOUND_KEY).getReceivedTexts(last.id);
  assert.deepEqual(rest.received_text_messages, []);
  assert.equal(rest.links.next, undefined);
});

test('a key or a service that is not there opens nothing', async () => {
  await refused(
    403, 'AuthError', 'Invalid token: API key not found',
    client(`name-${SERVICE}-${randomUUID()}`).getNotifications(),
  );
  await refused(
    403, 'AuthError', 'Invalid token: service not found',
    client(`name-${randomUUID()}-${API_KEY.slice(-36)}`).getNotifications(),
  );
});

test('a clock that is wrong is told so', async () => {
  for (const seconds of [-60, 60]) {
    const wrong = Date.now() + seconds * 1000;
    const clock = mock.method(Date, 'now', () => wrong);
    const asked = client().getNotifications();
    clock.mock.restore();
    await refused(403, 'AuthError', 'Error: Your system clock must be accurate to within 30 seconds', asked);
  }
});

test('what is not there is not found', async () => {
  await refused(404, 'NoResultFound', 'No result found', client().getNotificationById(SERVICE));
  await refused(404, 'NoResultFound', 'No result found', client().getTemplateById(SERVICE));
  await refused(404, 'NoResultFound', 'No result found', client().getTemplateByIdAndVersion(SMS_TEMPLATE, 99));
  await refused(
    400, 'ValidationError', 'notification_id is not a valid UUID', client().getNotificationById('nonsense'),
  );
});

test('another HTTP client and a proxy setting can be given to the client', async () => {
  const axios = require('axios');
  const asked = [];
  const instance = axios.create();
  instance.interceptors.request.use((request) => (asked.push(request.url), request));
  const own = client();
  own.setClient(instance);
  own.setProxy(false);
  assert.equal((await own.getNotifications()).status, 200);
  assert.equal(asked.length, 1);
});

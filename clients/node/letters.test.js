const assert = require('node:assert/strict');
const { test } = require('node:test');
const {
  ADDRESS, LETTER_TEMPLATE, MOMENT, NUMBER, PDF, SENDING_KEY, SMS_TEMPLATE,
  client, newReference, refused, waitForPdf,
} = require('./platform_under_test');

test('a letter is accepted and can be read back', async () => {
  const reference = newReference();
  const { status, data: sent } = await client().sendLetter(LETTER_TEMPLATE, { personalisation: ADDRESS, reference });
  assert.equal(status, 201);
  assert.deepEqual(sent.content, { body: 'Hello Ada Example', subject: 'Main heading' });

  const { data: read } = await client().getNotificationById(sent.id);
  assert.deepEqual(
    [read.type, read.line_1, read.line_3, read.postcode, read.postage, read.reference],
    ['letter', 'Ada Example', 'Exampletown', 'SW1A 1AA', 'second', reference],
  );
  assert.match(read.estimated_delivery, MOMENT);
  assert.equal((await waitForPdf(sent.id)).subarray(0, 5).toString(), '%PDF-');
});

test('a precompiled letter comes back byte for byte', async () => {
  const reference = newReference();
  const { status, data: sent } = await client().sendPrecompiledLetter(reference, PDF, 'economy');
  assert.equal(status, 201);
  assert.deepEqual(sent, { id: sent.id, postage: 'economy', reference });
  assert.deepEqual(await waitForPdf(sent.id), PDF);
});

test('what is wrong with a letter is said', async () => {
  const letter = (personalisation, key) => client(key).sendLetter(LETTER_TEMPLATE, { personalisation });
  await refused(400, 'ValidationError', 'Must be a real UK postcode', letter({ ...ADDRESS, postcode: 'nowhere' }));
  await refused(403, 'BadRequestError', 'Cannot send letters with a team api key', letter(ADDRESS, SENDING_KEY));
  await refused(
    400, 'ValidationError', 'personalisation is a required property', client().sendLetter(LETTER_TEMPLATE),
  );
  await refused(
    400, 'ValidationError', 'postage invalid. It must be either first, second or economy.',
    client().sendPrecompiledLetter(newReference(), PDF, 'europe'),
  );
});

test('the error in place of a PDF is read by the client', async () => {
  const { data: text } = await client().sendSms(SMS_TEMPLATE, NUMBER, { personalisation: { name: 'Jo' } });
  await refused(
    400, 'BadRequestError', 'Notification is not a letter', client().getPdfForLetterNotification(text.id),
  );
});

// The platform that the tests ask, and what it was prepared with: the variables of `pillarbox dev client-fixtures`.

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const { NotifyClient } = require('notifications-node-client');

const given = (name) => {
  const value = process.env[name];
  assert.ok(value, `the variable ${name} is not set`);
  return value;
};

const URL = given('NOTIFY_API_URL');
const API_KEY = given('API_KEY');

// Longer than anything takes on a machine that is busy; reached only by what hangs.
const PATIENCE_MS = 60_000;

const ADDRESS = {
  address_line_1: 'Ada Example',
  address_line_2: '1 Example Street',
  address_line_3: 'Exampletown',
  postcode: 'SW1A 1AA',
};

// A page that is A4 and empty: enough of a PDF to be looked at.
const PDF = Buffer.from(
  [
    '%PDF-1.4',
    '1 0 obj',
    '<</Type /Catalog /Pages 2 0 R>>',
    'endobj',
    '2 0 obj',
    '<</Type /Pages /Kids [3 0 R] /Count 1>>',
    'endobj',
    '3 0 obj',
    '<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources <<>>>>',
    'endobj',
    'xref',
    '0 4',
    '0000000000 65535 f ',
    '0000000009 00000 n ',
    '0000000056 00000 n ',
    '0000000111 00000 n ',
    'trailer',
    '<</Size 4 /Root 1 0 R>>',
    'startxref',
    '196',
    '%%EOF',
    '',
  ].join('\n'),
);

const client = (key = API_KEY) => new NotifyClient(URL, key);

const newReference = () => `client tests ${randomUUID()}`;

// Asks again until the answer is something.
async function waitFor(ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, 'the platform takes too long');
    await sleep(100);
  }
}

// A letter's PDF, asked for as the documentation says: again while it is not ready.
function waitForPdf(letter) {
  return waitFor(() =>
    client()
      .getPdfForLetterNotification(letter)
      .catch((error) => {
        if (error.response?.data?.errors?.[0]?.error !== 'PDFNotReadyError') throw error;
        return null;
      }),
  );
}

// The call must be refused in these words.
async function refused(status, error, message, asked) {
  await assert.rejects(asked, (thrown) => {
    assert.ok(thrown.response, thrown);
    assert.equal(thrown.response.status, status);
    assert.deepEqual(thrown.response.data, { errors: [{ error, message }], status_code: status });
    return true;
  });
}

module.exports = {
  ADDRESS,
  API_KEY,
  EMAIL: given('FUNCTIONAL_TEST_EMAIL'),
  EMAIL_TEMPLATE: given('EMAIL_TEMPLATE_ID'),
  INBOUND_KEY: given('INBOUND_SMS_QUERY_KEY'),
  LETTER_TEMPLATE: given('LETTER_TEMPLATE_ID'),
  MOMENT: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
  NUMBER: given('FUNCTIONAL_TEST_NUMBER'),
  PDF,
  REPLY_TO: given('EMAIL_REPLY_TO_ID'),
  SENDING_KEY: given('API_SENDING_KEY'),
  SERVICE: API_KEY.slice(-73, -37),
  SMS_SENDER: given('SMS_SENDER_ID'),
  SMS_TEMPLATE: given('SMS_TEMPLATE_ID'),
  URL,
  client,
  newReference,
  refused,
  waitFor,
  waitForPdf,
};

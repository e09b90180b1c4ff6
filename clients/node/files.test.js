const assert = require('node:assert/strict');
const { test } = require('node:test');
const { EMAIL, EMAIL_TEMPLATE, client, refused } = require('./platform_under_test');

const send = (name) => client().sendEmail(EMAIL_TEMPLATE, EMAIL, { personalisation: { name } });

test('a file becomes a link', async () => {
  for (const options of [
    undefined,
    { filename: 'days.csv' },
    { confirmEmailBeforeDownload: false, retentionPeriod: '4 weeks' },
  ]) {
    const { data: sent } = await send(client().prepareUpload(Buffer.from('name,day\nJo,Friday\n'), options));
    assert.match(sent.content.body, /Hello https?:\/\/\S+/);
    const { data: read } = await client().getNotificationById(sent.id);
    assert.equal(read.body, sent.content.body);
  }
});

test('what is wrong with a file is said', async () => {
  await refused(
    400, 'ValidationError',
    'retention_period Unsupported value for retention_period: 100 weeks. Supported periods are from 1 to 78 weeks.',
    send(client().prepareUpload('text', { retentionPeriod: '100 weeks' })),
  );
  await refused(
    400, 'ValidationError', 'filename `filename` must end with a file extension. For example, filename.csv',
    send(client().prepareUpload('text', { filename: 'nothing' })),
  );
});

test('the client itself refuses a file that is too large', () => {
  assert.throws(() => client().prepareUpload(Buffer.alloc(2 * 1024 * 1024 + 1)), /File is larger than 2MB/);
});

"""What the functional tests of GOV.UK Notify (alphagov/notifications-functional-tests) do with the API: a message of each
channel with a test key, asked for again until it has the status that they wait for. Two are
left out: a letter with a QR code needs a template of theirs, and one with a virus a scanner. Their other tests drive the pages
of the admin application, which is not part of this platform."""

import io

from platform_under_test import (
    ADDRESS,
    EMAIL,
    EMAIL_TEMPLATE,
    LETTER_TEMPLATE,
    NUMBER,
    PDF,
    SMS_TEMPLATE,
    Case,
    client,
    new_reference,
    wait_for,
)


class FunctionalFlows(Case):
    def becomes(self, sent, *statuses):
        """Waits until the notification has one of these statuses, and returns it."""

        def ask():
            found = client().get_notification_by_id(sent["id"])
            return found if found["status"] in statuses else None

        return wait_for(ask)

    def test_an_email_is_sent(self):
        sent = client().send_email_notification(EMAIL, EMAIL_TEMPLATE, {"name": "Jo"})
        found = self.becomes(sent, "sending", "delivered")
        self.assertEqual(found["id"], sent["id"])
        self.assertTrue(found["body"])

    def test_a_text_is_sent(self):
        sent = client().send_sms_notification(NUMBER, SMS_TEMPLATE, {"name": "Jo"})
        found = self.becomes(sent, "sending", "delivered")
        self.assertEqual(found["id"], sent["id"])
        self.assertTrue(found["body"])

    def test_a_letter_is_received(self):
        sent = client().send_letter_notification(LETTER_TEMPLATE, ADDRESS)
        self.assertEqual(self.becomes(sent, "received")["id"], sent["id"])

    def test_a_precompiled_letter_is_received(self):
        reference = new_reference()
        sent = client().send_precompiled_letter_notification(reference, io.BytesIO(PDF))
        self.assertEqual(self.becomes(sent, "received")["reference"], reference)

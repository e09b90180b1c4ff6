import itertools
import uuid

from platform_under_test import (
    EMAIL,
    EMAIL_TEMPLATE,
    NUMBER,
    SENDING_KEY,
    SMS_TEMPLATE,
    Case,
    client,
    new_reference,
)

# One more than a page.
MORE_THAN_A_PAGE = 251


class Lists(Case):
    def test_messages_are_listed_newest_first_and_filtered(self):
        reference = new_reference()
        notify = client()
        text = notify.send_sms_notification(NUMBER, SMS_TEMPLATE, {"name": "Jo"}, reference=reference)["id"]
        email = notify.send_email_notification(EMAIL, EMAIL_TEMPLATE, {"name": "Jo"}, reference=reference)["id"]

        def ids(**filters):
            return [one["id"] for one in notify.get_all_notifications(**filters)["notifications"]]

        self.assertEqual(ids(reference=reference), [email, text])
        self.assertEqual(ids(reference=reference, template_type="sms"), [text])
        self.assertEqual(ids(reference=reference, template_type=["sms", "email"]), [email, text])
        self.assertEqual(ids(reference=reference, older_than=email), [text])
        self.assertEqual(ids(reference=reference, status="cancelled"), [])
        self.assertEqual(ids(reference=reference, include_jobs=True), [email, text])
        self.assertEqual(ids(reference=new_reference()), [])
        self.assertEqual(ids(reference=reference, older_than=str(uuid.uuid4())), [])

    def test_a_list_says_how_it_goes_on(self):
        reference = new_reference()
        sent = client().send_sms_notification(NUMBER, SMS_TEMPLATE, {"name": "Jo"}, reference=reference)
        links = client().get_all_notifications(reference=reference)["links"]
        self.assertIn("reference=client+tests+", links["current"])
        self.assertTrue(links["next"].endswith(f"older_than={sent['id']}"))
        self.assertNotIn("next", client().get_all_notifications(reference=new_reference())["links"])

    def test_a_key_lists_what_keys_of_its_type_have_sent(self):
        reference = new_reference()
        client(SENDING_KEY).send_sms_notification(NUMBER, SMS_TEMPLATE, {"name": "Jo"}, reference=reference)
        self.assertEqual(client().get_all_notifications(reference=reference)["notifications"], [])
        self.assertEqual(len(client(SENDING_KEY).get_all_notifications(reference=reference)["notifications"]), 1)

    def test_the_iterator_turns_the_pages_to_the_end(self):
        reference = new_reference()
        notify = client()
        sent = [
            notify.send_sms_notification(NUMBER, SMS_TEMPLATE, {"name": str(n)}, reference=reference)["id"]
            for n in range(MORE_THAN_A_PAGE)
        ]
        self.assertEqual(len(notify.get_all_notifications(reference=reference)["notifications"]), 250)
        found = [one["id"] for one in notify.get_all_notifications_iterator(reference=reference)]
        self.assertEqual(found, sent[::-1])
        some = itertools.islice(notify.get_all_notifications_iterator(template_type="sms"), 3)
        self.assertEqual(len(list(some)), 3)
        self.assertEqual(list(notify.get_all_notifications_iterator(reference=new_reference())), [])

    def test_what_is_wrong_with_a_filter_is_said(self):
        get = client().get_all_notifications
        statuses = (
            "cancelled, created, sending, sent, delivered, pending, failed, technical-failure, temporary-failure, "
            "permanent-failure, pending-virus-check, validation-failed, virus-scan-failed, returned-letter, "
            "accepted, received"
        )
        for filters, message in [
            ({"status": "nice"}, f"status nice is not one of [{statuses}]"),
            ({"template_type": "fax"}, "template_type fax is not one of [sms, email, letter]"),
            ({"older_than": "nonsense"}, "older_than is not a valid UUID"),
        ]:
            with self.subTest(message):
                self.refused(400, "ValidationError", message, get, **filters)

from platform_under_test import (
    EMAIL,
    EMAIL_TEMPLATE,
    REPLY_TO,
    SERVICE,
    SMS_TEMPLATE,
    URL,
    Case,
    client,
    new_reference,
    wait_for,
)

BODY = "Hello Jo\r\n\r\nFunctional test help make our world a better place"
SUBJECT = "Functional Tests are good"


class Emails(Case):
    def test_an_email_is_accepted_and_can_be_read_back(self):
        reference = new_reference()
        sent = client().send_email_notification(
            EMAIL, EMAIL_TEMPLATE, {"name": "Jo"}, reference=reference, email_reply_to_id=REPLY_TO
        )
        self.assertEqual(sent["content"]["body"], BODY)
        self.assertEqual(sent["content"]["subject"], SUBJECT)
        self.assertRegex(sent["content"]["from_email"], "^client.functional.tests@")
        self.assertIsNone(sent["content"]["one_click_unsubscribe_url"])
        self.assertEqual(sent["sanitised_content"], {})
        self.assertEqual(sent["uri"], f"{URL}/v2/notifications/{sent['id']}")

        read = client().get_notification_by_id(sent["id"])
        self.assertEqual((read["type"], read["email_address"], read["reference"]), ("email", EMAIL, reference))
        self.assertEqual((read["body"], read["subject"]), (BODY, SUBJECT))
        self.assertEqual((read["is_cost_data_ready"], read["cost_in_pounds"], read["cost_details"]), (True, 0, {}))

    def test_the_url_of_one_click_unsubscribing_is_kept(self):
        url = "https://www.example.com/unsubscribe?opaque=123"
        sent = client().send_email_notification(
            EMAIL, EMAIL_TEMPLATE, {"name": "Jo"}, one_click_unsubscribe_url=url
        )
        self.assertEqual(sent["content"]["one_click_unsubscribe_url"], url)
        self.assertEqual(client().get_notification_by_id(sent["id"])["one_click_unsubscribe_url"], url)

    def test_what_the_public_wrote_is_made_harmless(self):
        sent = client().send_email_notification(
            EMAIL, EMAIL_TEMPLATE, {"name": "[click](https://evil.example)"}, sanitise_content_for=["Name"]
        )
        self.assertEqual(
            sent["sanitised_content"],
            {"name": {"unsanitised": "[click](https://evil.example)", "sanitised": r"\[click\]\(\)"}},
        )
        self.assertIn(r"Hello \[click\]\(\)", sent["content"]["body"])

    def test_a_test_key_can_ask_for_a_failure(self):
        for address, status in [
            (EMAIL, "delivered"),
            ("temp-fail@simulator.notify", "temporary-failure"),
            ("perm-fail@simulator.notify", "permanent-failure"),
        ]:
            sent = client().send_email_notification(address, EMAIL_TEMPLATE, {"name": "Jo"})
            wait_for(
                lambda sent=sent, status=status: client().get_notification_by_id(sent["id"])["status"] == status
            )

    def test_a_simulated_recipient_is_accepted_and_not_kept(self):
        sent = client().send_email_notification(
            "simulate-delivered@notifications.service.gov.uk", EMAIL_TEMPLATE, {"name": "Jo"}
        )
        self.refused(404, "NoResultFound", "No result found", client().get_notification_by_id, sent["id"])

    def test_what_is_wrong_with_an_email_is_said(self):
        send = client().send_email_notification
        for arguments, options, error, message in [
            ((EMAIL, EMAIL_TEMPLATE), {}, "BadRequestError", "Missing personalisation: name"),
            (("nobody", EMAIL_TEMPLATE), {}, "ValidationError", "email_address Not a valid email address"),
            (
                (EMAIL, SMS_TEMPLATE, {"name": "Jo"}),
                {},
                "BadRequestError",
                "sms template is not suitable for email notification",
            ),
            (
                (EMAIL, EMAIL_TEMPLATE, {"name": "Jo"}),
                {"one_click_unsubscribe_url": "http://www.example.com"},
                "ValidationError",
                "one_click_unsubscribe_url is not a valid https url",
            ),
            (
                (EMAIL, EMAIL_TEMPLATE, {"name": "Jo"}),
                {"email_reply_to_id": SERVICE},
                "BadRequestError",
                f"email_reply_to_id {SERVICE} does not exist in database for service id {SERVICE}",
            ),
        ]:
            with self.subTest(message):
                self.refused(400, error, message, send, *arguments, **options)

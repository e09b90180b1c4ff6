from platform_under_test import (
    API_KEY,
    NUMBER,
    SENDING_KEY,
    SERVICE,
    SMS_SENDER,
    SMS_TEMPLATE,
    URL,
    Case,
    client,
    new_reference,
    wait_for,
)

BODY = "Hello Jo\n\nFunctional Tests make our world a better place"


class Texts(Case):
    def test_a_text_is_accepted_and_can_be_read_back(self):
        reference = new_reference()
        sent = client().send_sms_notification(
            NUMBER, SMS_TEMPLATE, {"name": "Jo"}, reference=reference, sms_sender_id=SMS_SENDER
        )
        self.assertEqual(sent["content"], {"body": BODY, "from_number": "CLIENTTESTS"})
        self.assertEqual(sent["reference"], reference)
        self.assertEqual(sent["uri"], f"{URL}/v2/notifications/{sent['id']}")
        self.assertEqual(sent["template"]["id"], SMS_TEMPLATE)
        self.assertGreaterEqual(sent["template"]["version"], 2)
        self.assertIsNone(sent["scheduled_for"])

        read = client().get_notification_by_id(sent["id"])
        self.assertEqual(read["id"], sent["id"])
        self.assertEqual(read["type"], "sms")
        self.assertEqual(read["phone_number"], NUMBER)
        self.assertEqual(read["body"], BODY)
        self.assertEqual(read["reference"], reference)
        self.assertIsNone(read["subject"])
        self.assertIsNone(read["email_address"])
        self.assertEqual(
            read["template"]["uri"], f"{URL}/v2/template/{SMS_TEMPLATE}/version/{sent['template']['version']}"
        )
        self.assert_moment(read["created_at"])
        self.assertNotIn("estimated_delivery", read)

    def test_a_text_with_a_team_key_reaches_the_team_and_nobody_else(self):
        team = client(SENDING_KEY)
        sent = team.send_sms_notification(NUMBER, SMS_TEMPLATE, {"name": "Jo"}, sms_sender_id=SMS_SENDER)
        self.assertEqual(sent["content"]["body"], BODY)
        self.refused(
            400,
            "BadRequestError",
            "Can’t send to this recipient using a team-only API key",
            team.send_sms_notification,
            "07700900999",
            SMS_TEMPLATE,
            {"name": "Jo"},
        )

    def test_a_text_with_a_test_key_is_delivered_in_name_and_its_cost_is_known(self):
        sent = client().send_sms_notification(NUMBER, SMS_TEMPLATE, {"name": "Jo"})
        read = wait_for(lambda: self.read_if(sent["id"], "delivered"))
        self.assert_moment(read["sent_at"])
        self.assert_moment(read["completed_at"])
        self.assertTrue(read["is_cost_data_ready"])
        self.assertEqual(read["cost_details"]["billable_sms_fragments"], 1)
        self.assertGreater(read["cost_in_pounds"], 0)

    def test_a_test_key_can_ask_for_a_failure(self):
        for number, status in [("07700900003", "temporary-failure"), ("07700900002", "permanent-failure")]:
            sent = client().send_sms_notification(number, SMS_TEMPLATE, {"name": "Jo"})
            wait_for(lambda sent=sent, status=status: self.read_if(sent["id"], status))

    def test_what_is_wrong_with_a_text_is_said(self):
        send = client().send_sms_notification
        for arguments, error, message in [
            ((NUMBER, SMS_TEMPLATE), "BadRequestError", "Missing personalisation: name"),
            (("", SMS_TEMPLATE, {"name": "Jo"}), "ValidationError", "phone_number Not enough digits"),
            ((NUMBER, "nonsense", {"name": "Jo"}), "ValidationError", "template_id is not a valid UUID"),
            ((NUMBER, SERVICE, {"name": "Jo"}), "BadRequestError", "Template not found"),
            (
                (NUMBER, SMS_TEMPLATE, {"name": "x" * 1000}),
                "BadRequestError",
                "Your message is too long. Text messages cannot be longer than 918 characters. "
                f"Your message is {len(BODY) - 2 + 1000} characters long.",
            ),
            (
                (NUMBER, SMS_TEMPLATE, {"name": {"file": "YQ=="}}),
                "BadRequestError",
                "Can only send a file by email",
            ),
            (("+1 202-555-0104", SMS_TEMPLATE, {"name": "Jo"}), "BadRequestError", "Cannot send to international mobile numbers"),
        ]:
            with self.subTest(message):
                self.refused(400, error, message, send, *arguments)
        self.refused(
            400,
            "BadRequestError",
            f"sms_sender_id {SERVICE} does not exist in database for service id {SERVICE}",
            send,
            NUMBER,
            SMS_TEMPLATE,
            {"name": "Jo"},
            sms_sender_id=SERVICE,
        )

    def read_if(self, notification, status):
        read = client(API_KEY).get_notification_by_id(notification)
        return read if read["status"] == status else None

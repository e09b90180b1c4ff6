import base64
import io

from platform_under_test import (
    ADDRESS,
    LETTER_TEMPLATE,
    PDF,
    SENDING_KEY,
    SMS_TEMPLATE,
    NUMBER,
    SERVICE,
    URL,
    Case,
    client,
    new_reference,
    wait_for,
    wait_for_pdf,
)


class Letters(Case):
    def test_a_letter_is_accepted_and_can_be_read_back(self):
        reference = new_reference()
        sent = client().send_letter_notification(LETTER_TEMPLATE, ADDRESS, reference=reference)
        self.assertEqual(sent["content"], {"body": "Hello Ada Example", "subject": "Main heading"})
        self.assertEqual(sent["reference"], reference)
        self.assertEqual(sent["uri"], f"{URL}/v2/notifications/{sent['id']}")

        read = client().get_notification_by_id(sent["id"])
        self.assertEqual((read["type"], read["reference"], read["postage"]), ("letter", reference, "second"))
        self.assertEqual((read["line_1"], read["line_2"]), ("Ada Example", "1 Example Street"))
        self.assertEqual((read["line_3"], read["line_4"], read["postcode"]), ("Exampletown", None, "SW1A 1AA"))
        self.assertEqual((read["body"], read["subject"]), ("Hello Ada Example", "Main heading"))
        self.assertIn(read["status"], ("accepted", "received"))
        self.assert_moment(read["estimated_delivery"])

    def test_the_pdf_of_a_letter_is_there_in_the_end(self):
        sent = client().send_letter_notification(LETTER_TEMPLATE, ADDRESS)
        self.assertTrue(wait_for_pdf(client(), sent["id"]).startswith(b"%PDF-"))

    def test_a_precompiled_letter_comes_back_byte_for_byte(self):
        reference = new_reference()
        sent = client().send_precompiled_letter_notification(reference, io.BytesIO(PDF), postage="first")
        self.assertEqual(sent, {"id": sent["id"], "postage": "first", "reference": reference})
        self.assertEqual(wait_for_pdf(client(), sent["id"]), PDF)
        read = client().get_notification_by_id(sent["id"])
        self.assertEqual((read["line_1"], read["line_2"], read["postcode"]), ("Provided as PDF", None, None))
        self.assertEqual((read["postage"], read["subject"]), ("first", "Pre-compiled PDF"))

    def test_a_precompiled_letter_goes_second_class_unless_it_says_otherwise(self):
        sent = client().send_precompiled_letter_notification(new_reference(), io.BytesIO(PDF))
        self.assertEqual(sent["postage"], "second")

    def test_a_file_that_is_no_letter_is_told_apart(self):
        sent = client().send_precompiled_letter_notification(new_reference(), io.BytesIO(b"no PDF at all"))
        ends = ("validation-failed", "technical-failure", "virus-scan-failed")
        wait_for(lambda: client().get_notification_by_id(sent["id"])["status"] in ends)

    def test_what_is_wrong_with_a_letter_is_said(self):
        send = client().send_letter_notification
        self.refused(
            400, "BadRequestError", "Missing personalisation: address_line_1", send, LETTER_TEMPLATE, {"postcode": "SW1A 1AA"}
        )
        for change, message in [
            ({"postcode": "nowhere"}, "Must be a real UK postcode"),
            ({"address_line_2": "", "address_line_3": ""}, "Address must be at least 3 lines"),
        ]:
            with self.subTest(message):
                self.refused(400, "ValidationError", message, send, LETTER_TEMPLATE, ADDRESS | change)
        self.refused(
            403,
            "BadRequestError",
            "Cannot send letters with a team api key",
            client(SENDING_KEY).send_letter_notification,
            LETTER_TEMPLATE,
            ADDRESS,
        )

    def test_what_is_wrong_with_a_precompiled_letter_is_said(self):
        self.refused(
            400,
            "ValidationError",
            "postage invalid. It must be either first, second or economy.",
            client().send_precompiled_letter_notification,
            new_reference(),
            io.BytesIO(PDF),
            postage="pigeon",
        )
        self.refused(
            400,
            "BadRequestError",
            "Cannot decode letter content (invalid base64 encoding)",
            client().post,
            "/v2/notifications/letter",
            {"reference": "x", "content": base64.b64encode(PDF).decode()[:-3]},
        )

    def test_a_text_has_no_pdf(self):
        text = client().send_sms_notification(NUMBER, SMS_TEMPLATE, {"name": "Jo"})
        get = client().get_pdf_for_letter
        self.refused(400, "BadRequestError", "Notification is not a letter", get, text["id"])
        self.refused(404, "NoResultFound", "No result found", get, SERVICE)
        self.refused(400, "ValidationError", "notification_id is not a valid UUID", get, "nonsense")

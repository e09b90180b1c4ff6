import io
import re

from notifications_python_client import prepare_upload
from platform_under_test import EMAIL, EMAIL_TEMPLATE, Case, client


class Files(Case):
    def send(self, value):
        return client().send_email_notification(EMAIL, EMAIL_TEMPLATE, {"name": value})

    def test_a_file_becomes_a_link(self):
        sent = self.send(prepare_upload(io.BytesIO(b"name,day\nJo,Friday\n"), filename="days.csv"))
        self.assertRegex(sent["content"]["body"], r"Hello https?://\S+")
        read = client().get_notification_by_id(sent["id"])
        self.assertEqual(read["body"], sent["content"]["body"])

    def test_each_file_has_a_link_of_its_own(self):
        links = {
            re.search(r"https?://\S+", self.send(prepare_upload(io.BytesIO(b"the same")))["content"]["body"]).group()
            for _ in range(2)
        }
        self.assertEqual(len(links), 2)

    def test_confirmation_and_retention_can_be_chosen(self):
        for options in [
            {"confirm_email_before_download": False},
            {"confirm_email_before_download": True, "retention_period": "4 weeks"},
            {"filename": "letter.txt", "retention_period": "1 week"},
        ]:
            with self.subTest(options):
                self.assertIn("http", self.send(prepare_upload(io.BytesIO(b"text"), **options))["content"]["body"])

    def test_what_is_wrong_with_a_file_is_said(self):
        for options, message in [
            (
                {"retention_period": "100 weeks"},
                "retention_period Unsupported value for retention_period: 100 weeks. "
                "Supported periods are from 1 to 78 weeks.",
            ),
            (
                {"confirm_email_before_download": "maybe"},
                "confirm_email_before_download Unsupported value for confirm_email_before_download: maybe. "
                "Use a boolean true or false value.",
            ),
            (
                {"filename": "nothing"},
                "filename `filename` must end with a file extension. For example, filename.csv",
            ),
        ]:
            with self.subTest(message):
                self.refused(400, "ValidationError", message, self.send, prepare_upload(io.BytesIO(b"x"), **options))

    def test_the_client_itself_refuses_a_file_that_is_too_large(self):
        with self.assertRaises(ValueError):
            prepare_upload(io.BytesIO(b"x" * (2 * 1024 * 1024 + 1)))

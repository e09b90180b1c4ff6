from platform_under_test import (
    EMAIL,
    EMAIL_TEMPLATE,
    LETTER_TEMPLATE,
    SERVICE,
    SMS_TEMPLATE,
    Case,
    client,
)

CONTACT_BLOCK = (
    "Government Digital Service\nThe White Chapel Building\n10 Whitechapel High Street\nLondon\nE1 8QS\nUnited Kingdom"
)


class Templates(Case):
    def test_a_template_is_shown_as_it_is_and_as_it_was(self):
        get, get_version = client().get_template, client().get_template_version
        for template, channel, first_name, latest_name, subject in [
            (SMS_TEMPLATE, "sms", "Example text message template", "Client Functional test sms template", None),
            (
                EMAIL_TEMPLATE,
                "email",
                "Client Functional test email template",
                "Client Functional test email template",
                "Functional Tests are good",
            ),
            (LETTER_TEMPLATE, "letter", "Untitled", "Client functional letter template", "Main heading"),
        ]:
            with self.subTest(channel):
                latest, first = get(template), get_version(template, 1)
                self.assertEqual((latest["name"], first["name"]), (latest_name, first_name))
                self.assertEqual((latest["version"], first["version"]), (2, 1))
                self.assertEqual(get_version(template, 2), latest)
                for one in (latest, first):
                    self.assertEqual((one["id"], one["type"]), (template, channel))
                self.assertEqual(latest["subject"], subject)
                self.assertIn("Hello ((", latest["body"])
                self.assertEqual(latest["postage"], "second" if channel == "letter" else None)
                self.assertEqual(latest["created_by"], EMAIL)
                self.assert_moment(latest["created_at"])
                self.assertEqual(latest["letter_contact_block"], CONTACT_BLOCK if channel == "letter" else None)
                self.assertIsNone(first["letter_contact_block"])
        self.assertEqual(get(SMS_TEMPLATE)["personalisation"], {"name": {"required": True}})

    def test_templates_are_listed_by_name_and_by_type(self):
        everything = client().get_all_templates()["templates"]
        ours = {SMS_TEMPLATE, EMAIL_TEMPLATE, LETTER_TEMPLATE}
        self.assertEqual(ours - {one["id"] for one in everything}, set())
        for template_type in ("sms", "email", "letter"):
            some = client().get_all_templates(template_type)["templates"]
            self.assertTrue(some)
            self.assertEqual({one["type"] for one in some}, {template_type})
            self.assertEqual(some, [one for one in everything if one["type"] == template_type])

    def test_a_preview_shows_the_message_that_would_be_sent(self):
        preview = client().post_template_preview
        text = preview(SMS_TEMPLATE, {"name": "Jo"})
        self.assertEqual(text["body"], "Hello Jo\n\nFunctional Tests make our world a better place")
        self.assertEqual((text["id"], text["type"], text["version"]), (SMS_TEMPLATE, "sms", 2))
        self.assertEqual((text["subject"], text["html"], text["postage"]), (None, None, None))
        email = preview(EMAIL_TEMPLATE, {"name": "Jo"})
        self.assertEqual(email["subject"], "Functional Tests are good")
        self.assertIn("<p", email["html"])
        letter = preview(LETTER_TEMPLATE, {"address_line_1": "Jo"})
        self.assertEqual((letter["body"], letter["postage"]), ("Hello Jo", "second"))

    def test_what_is_wrong_with_a_question_about_templates_is_said(self):
        notify = client()
        self.refused(400, "BadRequestError", "Missing personalisation: name", notify.post_template_preview, SMS_TEMPLATE, {})
        self.refused(404, "NoResultFound", "No result found", notify.post_template_preview, SERVICE, {})
        self.refused(404, "NoResultFound", "No result found", notify.get_template, SERVICE)
        self.refused(404, "NoResultFound", "No result found", notify.get_template_version, SMS_TEMPLATE, 99)
        self.refused(400, "ValidationError", "id is not a valid UUID", notify.get_template, "nonsense")
        self.refused(
            400, "ValidationError", "type fax is not one of [sms, email, letter]", notify.get_all_templates, "fax"
        )

    def test_the_list_of_all_versions_is_not_for_services(self):
        # The client still has a method for it; it asks an internal endpoint, which no service may.
        with self.assertRaises(Exception) as caught:
            client().get_all_template_versions(SMS_TEMPLATE)
        self.assertIn(caught.exception.status_code, (401, 403, 404))

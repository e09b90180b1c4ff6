import unittest.mock
import uuid

from platform_under_test import API_KEY, NUMBER, SERVICE, SMS_TEMPLATE, Case, client

CLOCK = "Error: Your system clock must be accurate to within 30 seconds"


class Refusals(Case):
    def test_a_key_that_is_not_the_services_own_opens_nothing(self):
        wrong = client(f"name-{SERVICE}-{uuid.uuid4()}")
        self.refused(403, "AuthError", "Invalid token: API key not found", wrong.get_all_notifications)
        self.refused(
            403, "AuthError", "Invalid token: API key not found", wrong.send_sms_notification, NUMBER, SMS_TEMPLATE
        )

    def test_a_service_that_is_not_there_opens_nothing(self):
        wrong = client(f"name-{uuid.uuid4()}-{API_KEY[-36:]}")
        self.refused(403, "AuthError", "Invalid token: service not found", wrong.get_all_notifications)

    def test_a_clock_that_is_wrong_is_told_so(self):
        for seconds in (-60, 60):
            with self.subTest(seconds), unittest.mock.patch(
                "notifications_python_client.authentication.epoch_seconds",
                return_value=self.seconds_now() + seconds,
            ):
                self.refused(403, "AuthError", CLOCK, client().get_all_notifications)

    def test_a_message_that_is_not_there_is_not_found(self):
        get = client().get_notification_by_id
        self.refused(404, "NoResultFound", "No result found", get, SERVICE)
        self.refused(400, "ValidationError", "notification_id is not a valid UUID", get, "nonsense")

    def test_a_path_that_is_not_there_is_told_so_in_the_old_shape(self):
        with self.assertRaises(Exception) as caught:
            client().get("/v2/nothing")
        self.assertEqual(caught.exception.status_code, 404)
        self.assertTrue(caught.exception.message.startswith("The requested URL was not found on the server."))

    @staticmethod
    def seconds_now():
        from notifications_python_client.authentication import epoch_seconds

        return epoch_seconds()

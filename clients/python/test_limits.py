import concurrent.futures
import os

from notifications_python_client.errors import HTTPError
from platform_under_test import NUMBER, Case, client

# The service of this key may send sixty requests a minute: twenty at once.
SLOW_KEY = os.environ["SLOW_SERVICE_KEY"]


class Limits(Case):
    def test_who_asks_too_fast_is_told_to_wait(self):
        def ask(_):
            try:
                client(SLOW_KEY).send_sms_notification(NUMBER, "nonsense")
            except HTTPError as error:
                return error.status_code, error.message[0]["error"], error.message[0]["message"]
            return None

        with concurrent.futures.ThreadPoolExecutor(8) as crowd:
            answers = set(crowd.map(ask, range(40)))
        self.assertEqual(
            answers,
            {
                (400, "ValidationError", "template_id is not a valid UUID"),
                (
                    429,
                    "RateLimitError",
                    "Exceeded rate limit for key type LIVE of 60 requests per 60 seconds",
                ),
            },
        )
        self.assertEqual(client(SLOW_KEY).get_all_notifications()["notifications"], [])

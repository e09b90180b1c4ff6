"""The platform that the tests ask, and what it was prepared with: the variables of `pillarbox dev client-fixtures`."""

import os
import time
import unittest
import uuid

from notifications_python_client.errors import HTTPError
from notifications_python_client.notifications import NotificationsAPIClient

URL = os.environ["NOTIFY_API_URL"]
API_KEY = os.environ["API_KEY"]
SENDING_KEY = os.environ["API_SENDING_KEY"]
INBOUND_KEY = os.environ["INBOUND_SMS_QUERY_KEY"]
NUMBER = os.environ["FUNCTIONAL_TEST_NUMBER"]
EMAIL = os.environ["FUNCTIONAL_TEST_EMAIL"]
EMAIL_TEMPLATE = os.environ["EMAIL_TEMPLATE_ID"]
SMS_TEMPLATE = os.environ["SMS_TEMPLATE_ID"]
LETTER_TEMPLATE = os.environ["LETTER_TEMPLATE_ID"]
REPLY_TO = os.environ["EMAIL_REPLY_TO_ID"]
SMS_SENDER = os.environ["SMS_SENDER_ID"]
SERVICE = API_KEY[-73:-37]

# Longer than anything takes on a machine that is busy; reached only by what hangs.
PATIENCE_SECONDS = 60

ADDRESS = {
    "address_line_1": "Ada Example",
    "address_line_2": "1 Example Street",
    "address_line_3": "Exampletown",
    "postcode": "SW1A 1AA",
}

# A page that is A4 and empty: enough of a PDF to be looked at.
PDF = b"""%PDF-1.4
1 0 obj
<</Type /Catalog /Pages 2 0 R>>
endobj
2 0 obj
<</Type /Pages /Kids [3 0 R] /Count 1>>
endobj
3 0 obj
<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources <<>>>>
endobj
xref
0 4
0000000000 65535 f\x20
0000000009 00000 n\x20
0000000056 00000 n\x20
0000000111 00000 n\x20
trailer
<</Size 4 /Root 1 0 R>>
startxref
196
%%EOF
"""


def client(key=API_KEY):
    return NotificationsAPIClient(key, base_url=URL)


def new_reference():
    # Without hyphens: the iterators of the client take the first UUID in a link for the place to go on from.
    return f"client tests {uuid.uuid4().hex}"


def wait_for(ask):
    """Asks again until the answer is something."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (answer := ask()):
        if time.monotonic() > end:
            raise AssertionError("the platform takes too long")
        time.sleep(0.1)
    return answer


def wait_for_pdf(notifications, letter):
    """A letter's PDF, asked for as the documentation says: again while it is not ready."""

    def ask():
        try:
            return notifications.get_pdf_for_letter(letter).read()
        except HTTPError as error:
            if error.message[0]["error"] != "PDFNotReadyError":
                raise
            return None

    return wait_for(ask)


class Case(unittest.TestCase):
    def refused(self, status, error, message, ask, /, *arguments, **options):
        """The call must be refused in these words."""
        with self.assertRaises(HTTPError) as caught:
            ask(*arguments, **options)
        entry = caught.exception.message[0]
        self.assertEqual(
            (caught.exception.status_code, entry["error"], entry["message"]),
            (status, error, message),
        )

    def assert_moment(self, text):
        self.assertRegex(text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

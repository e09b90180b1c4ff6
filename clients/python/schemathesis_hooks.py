"""How schemathesis signs its requests: a token is good for half a minute, so there is a new one every ten seconds."""

import os

import schemathesis
from notifications_python_client.authentication import create_jwt_token

KEY = os.environ["SCHEMATHESIS_API_KEY"]


@schemathesis.auth(refresh_interval=10)
class Token:
    def get(self, case, context):
        return create_jwt_token(KEY[-36:], KEY[-73:-37])

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"

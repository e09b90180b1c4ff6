#!/usr/bin/env python3
"""Lets a domain send e-mail at a server that behaves as Amazon SES: aws_identity.py URL DOMAIN."""

import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

if len(sys.argv) != 3:
    sys.exit("usage: aws_identity.py URL DOMAIN")
_, url, domain = sys.argv
ses = boto3.client(
    "sesv2",
    region_name="eu-west-2",
    endpoint_url=url,
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(retries={"max_attempts": 0}),
)
try:
    ses.create_email_identity(EmailIdentity=domain)
except BotoCoreError as error:
    sys.exit(f"no server at {url} yet: {error}")

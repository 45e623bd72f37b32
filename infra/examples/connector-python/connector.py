"""A connector in its smallest form: it trades a grant for a warehouse credential
at the moment of connecting, and forgets it. Its IAM role needs the stack's
ConnectorCallersPolicy and nothing else.

    pip install boto3
    CONNECT_URL=https://….lambda-url.us-east-1.on.aws/ GRANT=eyJ… CREDENTIAL=safekeep:credential/… python connector.py
"""

import json
import os
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest


def open_credential(url, grant, credential):
    session = boto3.Session()
    request = AWSRequest(
        method="POST",
        url=url.rstrip("/") + "/credentials/open",
        data=json.dumps({"grant": grant, "credential": credential}),
        headers={"Content-Type": "application/json"},
    )
    SigV4Auth(session.get_credentials(), "lambda", session.region_name).add_auth(request)
    call = urllib.request.Request(request.url, request.data.encode(), dict(request.headers), method="POST")
    with urllib.request.urlopen(call, timeout=20) as answer:
        return json.load(answer)


if __name__ == "__main__":
    opened = open_credential(os.environ["CONNECT_URL"], os.environ["GRANT"], os.environ["CREDENTIAL"])
    settings, key = opened["settings"], opened["secret"]["private_key"]
    # Here a real one connects: snowflake.connector takes the key as private_key.
    print(f"connecting to {settings['account']} as {settings['user']}")

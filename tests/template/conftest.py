import os

import pytest
from moto import mock_aws

import stack


@pytest.fixture(autouse=True, scope="session")
def environment():
    os.environ.update(AWS_DEFAULT_REGION="eu-central-1", AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    # The Region decides the partition; nothing else of the caller's may reach the tests.
    os.environ.pop("AWS_PROFILE", None)


@pytest.fixture
def aws():
    with mock_aws():
        yield


@pytest.fixture
def deploy(aws):
    """Deploys a template with these parameters."""
    return stack.Stack

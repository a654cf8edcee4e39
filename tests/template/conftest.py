import pytest
from moto import mock_aws

import stack


@pytest.fixture
def aws():
    with mock_aws():
        yield


@pytest.fixture
def deploy(aws):
    """Deploys a template with these parameters."""
    return stack.Stack

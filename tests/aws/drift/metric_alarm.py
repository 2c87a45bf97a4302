"""Makes an alarm deaf."""

import sys

import boto3

boto3.client("cloudwatch").disable_alarm_actions(AlarmNames=[sys.argv[1]])

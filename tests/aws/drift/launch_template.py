"""Somebody makes a version without the user data and has it used."""

import sys

import boto3

ec2 = boto3.client("ec2")
template = sys.argv[1]
data = ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["$Default"])
data = data["LaunchTemplateVersions"][0]["LaunchTemplateData"]
data.pop("UserData", None)
data["MetadataOptions"] = {"HttpTokens": "optional"}
made = ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=data)
number = made["LaunchTemplateVersion"]["VersionNumber"]
ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(number))

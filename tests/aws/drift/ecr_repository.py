"""Lets tags be moved to other images."""

import sys

import boto3

ecr = boto3.client("ecr")
ecr.put_image_tag_mutability(repositoryName=sys.argv[1], imageTagMutability="MUTABLE")

"""Another place in the order of promotion."""

import sys

import boto3

boto3.client("rds").modify_db_instance(DBInstanceIdentifier=sys.argv[1], PromotionTier=9, ApplyImmediately=True)

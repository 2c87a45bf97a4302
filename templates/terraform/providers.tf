locals {
  # What everything is tagged with. The roles' policies tell by them what is this plan's.
  tags = {{ tags | hcl }}
}

data "aws_caller_identity" "current" {}

provider "aws" {
  region = {{ primary | hcl }}

  default_tags {
    tags = local.tags
  }
}
{%- for region in regions %}

provider "aws" {
  alias = {{ region.alias | hcl }}
  region = {{ region.name | hcl }}

  default_tags {
    tags = local.tags
  }
}
{%- endfor %}

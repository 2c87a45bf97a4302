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
{%- if ignored_tags %}

  # What vvbill has to know of what it made.
  ignore_tags {
    key_prefixes = {{ ignored_tags | hcl }}
  }
{%- endif %}
}
{%- for region in regions %}

provider "aws" {
  alias = {{ region.alias | hcl }}
  region = {{ region.name | hcl }}

  default_tags {
    tags = local.tags
  }
{%- if ignored_tags %}

  ignore_tags {
    key_prefixes = {{ ignored_tags | hcl }}
  }
{%- endif %}
}
{%- endfor %}

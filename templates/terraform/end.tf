  depends_on = {{ depends_on | hcl }}
{%- if protect %}

  lifecycle {
    prevent_destroy = true
  }
{%- endif %}

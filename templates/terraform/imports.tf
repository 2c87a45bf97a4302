{%- for import in imports %}
import {
  to = {{ import.to }}
  id = {{ import.id | hcl }}
}

{%- endfor %}

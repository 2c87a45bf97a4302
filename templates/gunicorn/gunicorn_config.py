# {{ header }}
# Where it listens is the command line's: `gunicorn --config gunicorn_config.py --bind 0.0.0.0:8000 app:app`.
{%- if per_cpu %}
import multiprocessing
{%- endif %}
{% for section in sections %}
# {{ section.title }}
{%- for setting in section.settings %}
{%- for comment in setting.comments %}
# {{ comment }}
{%- endfor %}
{{ setting.name }} = {{ setting.value }}
{%- endfor %}
{% endfor -%}

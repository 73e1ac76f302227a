"""Charts as SVG, from standard input to standard output, as JSON: a process of its own.

The library ends its whole process at some texts.
"""

import json
import sys

import vl_convert


def main() -> None:
    """Render a list of specifications, each with its locale."""
    charts = json.load(sys.stdin)
    json.dump([vl_convert.vegalite_to_svg(spec, format_locale=locale) for spec, locale in charts], sys.stdout)


if __name__ == "__main__":
    main()

"""For the documentation site: shows the section "Example" of a docstring, which stands for one session, as Python code."""

import re

import griffe


class DocstringExamples(griffe.Extension):
    """Renames the section to the one that the parser of docstrings knows."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        """Called for each module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)

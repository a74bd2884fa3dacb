"""Messages as a browser says them: errors are worded for a terminal, with its commands and options."""

from __future__ import annotations

import re

#: What has a button or a field here, by its name there; the first that fits is used.
_RULES = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"go on with it \(upgan resume [^)]*\), ", "go on with it on the page Runs, "),
        (r", or replace it \(upgan train --overwrite\)", ""),
        (r"stop it \(upgan stop [^)]*\)", "stop it on the page Runs"),
        (r"\.? ?;? see `upgan status [^`]*`", ""),
        (r"`upgan resume[^`]*`, alone or by torchrun,", "Resume"),
        (r"`upgan resume[^`]*`", "Resume"),
        (r"or (?:use|train beside it with) --force", "or start it anyway"),
        (r" --force starts it all the same\.", " It can be started all the same."),
        (r"; `upgan trash restore [^`]*` brings (?:it|them) back", ""),
        (
            r" A model knows the entities it was trained with;.*?its facts too",
            " New ones are learned by training again",
        ),
        (r"\(--set ([\w.]+)=[^)]*\)", r"(the setting \1)"),
        (r"--set '?([\w.]+)=([^\s']+)'?", r"\1 = \2"),
        (r"--pin-(\w+)", r"\1 of the followed question"),
        # What is left of commands is a clause of its own, and of options a name.
        (r"[;,:]?\s*(?:\w+ )?(?:or |by |with |use |make one with )*`upgan [^`]*`[^.;,)]*", ""),
        (r"\(\s*--[a-z-]+[^)]*\)", ""),
        (r"(?<![\w-])--([a-z][a-z-]*)(?:=\S+)?", r"“\1”"),
    )
)


def spoken(message: str) -> str:
    """A message without what only a terminal understands."""
    for pattern, words in _RULES:
        message = pattern.sub(words, message)
    return message.strip()

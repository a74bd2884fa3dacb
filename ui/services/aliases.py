"""Users as links name them: by pseudonyms, so that an address that is passed on says of nobody what they chose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from upgan.render.pseudonyms import PREFIX

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset

#: A pseudonym that is some user's id as well has a mark before it.
_ALIAS = re.compile(rf"(~?){PREFIX}([1-9][0-9]{{0,9}})")


@dataclass(frozen=True)
class Aliases:
    """Pseudonyms of one answer: those of its files; behind them everybody else, in the order of the dataset."""

    #: The users that the answer's explanation names (upgan.render.pseudonyms).
    listed: Sequence[str]
    dataset: KGDataset

    @cached_property
    def _place(self) -> dict[str, int]:
        return {user: place for place, user in enumerate(self.listed)}

    def name(self, user: str) -> str:
        """A user of the dataset as the link names it."""
        place = self._place.get(user)
        place = len(self.listed) + self.dataset.user_index[user] if place is None else place
        alias = f"{PREFIX}{place + 1}"
        return f"~{alias}" if alias in self.dataset.user_index else alias

    def user(self, text: str) -> str:
        """Whom a link means: an id as it is, a pseudonym turned back; what is neither stays."""
        named = None if text in self.dataset.user_index else _ALIAS.fullmatch(text)
        if named is None:
            return text
        place = int(named[2]) - 1
        everybody = len(self.listed) + self.dataset.num_users
        if place >= everybody:
            return text
        return self.listed[place] if place < len(self.listed) else self.dataset.users[place - len(self.listed)]

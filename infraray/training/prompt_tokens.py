"""Prompts as token ids, in which everything that the policy generated keeps the ids that it drew.

Text that is tokenised again may come out as other tokens than those that were drawn, whose log-probabilities are then
those of a text that nobody generated (4 % of the tokens after 8 turns, over half after 128; huggingface/trl#6250). So
the ids of a prompt that continues the last one are those of the last prompt and its answer, followed by those of the
text that was added. Whether it continues is decided by the rendered text, including the marks of the template:

- a template that drops the thoughts of earlier turns, or a strategy that keeps only part of an answer, changes what the
  policy reads in an evaluation, too; such a prompt is tokenised as a server would, and a new sequence begins;
- an answer that was cut off has no mark of its end; the template adds one, as text that the policy was told.

verl's own builder (``ct_merge_context_msg``) trusts its caller that messages were only appended, renders new ones in a
made-up context, and leaves out the mark after an answer that was cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infraray.agents.chat.messages import Message


class PromptTokens:
    """The prompts of one episode.

    Args:
        tokenizer: of transformers, with a chat template.
        template_options: further arguments of the template.
    """

    def __init__(self, tokenizer: Any, template_options: Mapping[str, Any] | None = None) -> None:
        self.tokenizer = tokenizer
        self.template_options = dict(template_options or {})
        self._prompt = ""
        self._text = ""
        """The last prompt that was answered, and the answer, as text and as ids."""
        self._ids: list[int] = []

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """The ids of a prompt, up to where the answer begins."""
        self._prompt = self._rendered(messages)
        if self._ids and self._prompt.startswith(self._text):
            return [*self._ids, *self._encoded(self._prompt[len(self._text) :])]
        return self._encoded(self._prompt)

    def answered(self, prompt_ids: Sequence[int], answer_ids: Sequence[int]) -> None:
        """Keeps the answer to the last prompt."""
        self._text = self._prompt + self._decoded(answer_ids, skip_special_tokens=False)
        self._ids = [*prompt_ids, *answer_ids]

    def spoken(self, answer_ids: Sequence[int]) -> str:
        """An answer's text, without marks of the template, as a server would give it."""
        return self._decoded(answer_ids, skip_special_tokens=True)

    def is_cut(self, answer_ids: Sequence[int], max_tokens: int) -> bool:
        """Whether an answer ends because it might have no more tokens."""
        return len(answer_ids) >= max_tokens and answer_ids[-1] not in self.tokenizer.all_special_ids

    def count(self, messages: Sequence[Message]) -> int:
        """The number of tokens of a prompt that is not sent."""
        return len(self._encoded(self._rendered(messages)))

    def _rendered(self, messages: Sequence[Message]) -> str:
        text: str = self.tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=True, **self.template_options
        )
        return text

    def _encoded(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _decoded(self, ids: Sequence[int], skip_special_tokens: bool) -> str:
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False
        )
        return text

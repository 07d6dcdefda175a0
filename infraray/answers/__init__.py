"""Answers of agents: read by one reader for all scenarios and strategies, written by one writer per scenario."""

from infraray.answers.choice import Choice
from infraray.answers.form import AnswerForm
from infraray.answers.reader import parse_choice, read_answer, without_thoughts
from infraray.answers.record import Number, Option, Record, Text, Whole
from infraray.answers.spaces import form_of
from infraray.answers.thoughts import split_thoughts

__all__ = [
    "AnswerForm",
    "Choice",
    "Number",
    "Option",
    "Record",
    "Text",
    "Whole",
    "form_of",
    "parse_choice",
    "read_answer",
    "split_thoughts",
    "without_thoughts",
]

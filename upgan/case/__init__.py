"""A case file: one explanation with everything needed to check it elsewhere, and the check itself."""

from __future__ import annotations

from upgan.case.documents import case_json, make_case, read_case, write_bundle, write_case
from upgan.case.reproduction import Reproduction, reproduce
from upgan.case.schema import CaseFile

__all__ = ["CaseFile", "Reproduction", "case_json", "make_case", "read_case", "reproduce", "write_bundle", "write_case"]

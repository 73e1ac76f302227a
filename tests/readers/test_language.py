"""French in the terminal and of reasons: one catalogue, complete, of sentences that there are; data stays as it is."""

import ast
import json
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import pytest
from rich.text import Text

import multimarket_async
from multimarket_async.cli import language
from multimarket_async.cli.options import OutputFormat, show
from multimarket_async.discovery import declared, found, settings_models
from multimarket_async.domains.orders import ORDERS
from multimarket_async.domains.orders.settings import OrderSettings
from multimarket_async.landing import QuarantinedFile
from multimarket_async.readers.language import ENGLISH, FRENCH
from multimarket_async.readers.terminal import quarantine_table
from multimarket_async.settings import load

PACKAGE = Path(multimarket_async.__file__).parent
COMMANDS = ("bi", "kpi", "changes", "erase", "quarantine")
SPOKEN = [*(PACKAGE / "cli" / f"{name}.py" for name in COMMANDS), PACKAGE / "generations.py"]
REASON = {"code": "still_changing", "sentence": "its size changed while it was being read", "quarantined_at": "2026"}


def texts(paths: Iterable[Path], names: Container[str], place: int) -> Iterator[str]:
    """The text at this place in each call of such a name in these files, with X for its values."""
    trees = (ast.parse(path.read_text("utf-8")) for path in paths)
    for call in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id in names and len(call.args) > place:
            match call.args[place]:
                case ast.Constant(value=str() as text):
                    yield text
                case ast.JoinedStr(values=parts):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts)


def test_each_line_of_these_commands_has_its_french() -> None:
    """And each error that they raise."""
    said = [*texts(SPOKEN, {"tell", "WrongSettings", "CannotContinue", "NotKept", "Unanswered"}, 0)]
    assert len(said) > 20
    assert [text for text in said if any(map(str.islower, text)) and FRENCH.say(text.strip()) == text.strip()] == []


def test_each_sentence_of_a_reason_has_its_french() -> None:
    """By itself, or behind the name of a column; those of domains are among their words."""
    words = FRENCH
    for domain in declared(
        load(settings_models(), {"domains": tuple(candidate.name for candidate in found())}, {}, Path("/nowhere"))
    ):
        words = words.extended(domain.french)
    said = {text: {words.say(text), words.say(f"X: {text}")} for text in texts(PACKAGE.rglob("*.py"), {"Rejected"}, 1)}
    assert len(said) > 30
    values_only = {"X: X; X.", "X XX.", "X.", "last_updated: X."}
    assert {text for text, french in said.items() if french <= {text, f"X: {text}"}} - values_only == set()


def test_faults_of_orders_are_said_in_french() -> None:
    """As their reader words them."""
    settings = OrderSettings()
    words, domain = FRENCH, ORDERS.declare(settings)
    words = words.extended(domain.french)
    assert words.say("quantite of item 2 of produits must be a whole number, and is 'x'.") == (
        "quantite de la ligne 2 de produits doit être un nombre entier, et vaut 'x'."
    )
    assert words.say("also wrong_type at /a: a is missing") == "aussi mauvais type (wrong_type) en /a : a manque"
    assert words.say("key: web:1,234 lists") == "key: web:1,234 lists"


def test_a_table_is_said_in_the_language_of_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of files are not, nor is JSON."""
    files = [("orders", QuarantinedFile(Path("/q/Stored"), REASON))]
    try:
        language.speak(None, environment={"LANG": "fr_FR.UTF-8"})
        show(OutputFormat.TABLE, None, quarantine_table(files), Text("1,234 files in quarantine"))
        shown = capsys.readouterr().out
        show(OutputFormat.JSON, {"Stored": "1 files in quarantine"})
        data = capsys.readouterr().out
    finally:
        language.speak("en")
    assert [word in shown for word in ("Fichier", "Motif", "Stored", "orders", "still_changing")] == [True] * 5
    assert "sa taille a changé pendant la lecture" in shown
    assert "1\u202f234 fichiers en quarantaine" in shown
    assert json.loads(data) == {"Stored": "1 files in quarantine"}
    assert language.spoken() is ENGLISH

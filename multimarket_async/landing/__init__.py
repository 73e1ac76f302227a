"""The directory where sources and collector meet: deliver, waiting, archive, quarantine."""

from multimarket_async.landing.archived import open_archived, received_at, received_name
from multimarket_async.landing.directory import Landing, is_content
from multimarket_async.landing.files import compiled, count_waiting, deliver, opened, torn, unreadable
from multimarket_async.landing.packs import Packed, pack
from multimarket_async.landing.quarantine import Quarantine, QuarantinedFile, report_changed
from multimarket_async.landing.rejects import RejectsFile, RejectsWriter
from multimarket_async.landing.waiting import UnknownFiles, WaitingFile

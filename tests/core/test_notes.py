from forecast.core.notes import Notes, begin_notes, end_notes, note, read_note


def test_notes_are_text_without_what_is_not_known() -> None:
    assert str(Notes(method="GET", trace_id=None, ms=1.5)) == "method=GET ms=1.5"


def test_notes_belong_to_one_request() -> None:
    note(lost=1)
    assert read_note("lost") is None
    notes, noted = begin_notes()
    note(model="chronos", series=3)
    note(series=4)
    assert (dict(notes), read_note("series")) == ({"model": "chronos", "series": 4}, 4)
    end_notes(noted)
    assert read_note("series") is None

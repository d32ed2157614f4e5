from app.services.pseudonyms import pseudonym


def test_a_pseudonym_is_one_person_in_one_study_and_tells_nothing_without_the_secret():
    name = pseudonym("secret", 1, 2)
    assert name == pseudonym("secret", 1, 2)
    assert name.startswith("annotator-")
    others = {
        pseudonym("secret", 1, 3),
        pseudonym("secret", 2, 2),
        pseudonym("other", 1, 2),
        pseudonym("secret", 12, 2),
    }
    assert len(others | {name}) == 5

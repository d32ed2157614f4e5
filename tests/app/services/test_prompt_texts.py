from fractions import Fraction

import pytest

from app.errors import BadInput
from app.models import Split
from app.services import prompt_texts
from app.services.prompt_texts import Form, PromptLine, Written


def texts(found: list[Written]) -> list[str]:
    return [one.text for one in found]


def test_a_table_gives_prompt_split_and_weight_with_the_line_where_each_ends() -> None:
    table = 'Prompt,Split,Weight\ncat face,,\n"a cat, asleep",train,2\n\n"two\nlines",EVAL,1/3\n'
    assert prompt_texts.read(table, Form.CSV) == [
        Written(2, "cat face"),
        Written(3, "a cat, asleep", Split.TRAIN, Fraction(2)),
        Written(6, "two lines", Split.EVAL, Fraction(1, 3)),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_may_be_separated_as_spreadsheets_do(separator: str) -> None:
    table = f"\ufefftext{separator}weight\nowl{separator}0.5\n"
    assert prompt_texts.read(table, Form.CSV) == [Written(2, "owl", None, Fraction(1, 2))]


def test_json_lines_are_objects_or_texts() -> None:
    lines = '{"prompt": "cat", "split": "eval", "weight": 3}\n\n"dog"\n{"text": "owl", "weight": 0.25}'
    assert prompt_texts.read(lines, Form.JSONL) == [
        Written(1, "cat", Split.EVAL, Fraction(3)),
        Written(3, "dog"),
        Written(4, "owl", None, Fraction(1, 4)),
    ]


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        (Form.CSV, "name,weight\ncat,1", "Line 1 names no column"),
        (Form.CSV, "", "Line 1 names no column"),
        (Form.CSV, "prompt\ncat, asleep", "Line 2 has more cells"),
        (Form.CSV, "prompt,split\ncat,test", "Line 2 names the split 'test'"),
        (Form.CSV, "prompt,weight\ncat,heavy", "Line 2 has the weight 'heavy', which is no number"),
        (Form.CSV, "prompt,weight\ncat,-1", "Line 2 has the weight -1"),
        (Form.CSV, "prompt,weight\ncat,1/0", "Line 2 has the weight '1/0', which is no number"),
        (Form.JSONL, '"cat"\n{"prompt": ', "Line 2 is no JSON object"),
        (Form.JSONL, "[1]", "Line 1 is no JSON object"),
        (Form.JSONL, '{"prompt": 7}', "Line 1 holds no usable prompt"),
        (Form.LINES, "cat\n" + "x" * 2001, "Line 2 holds no usable prompt"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(form: Form, text: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        prompt_texts.read(text, form)
    assert said in refused.value.message
    assert said in refused.value.fields["prompts"]


def test_many_faults_are_counted_and_the_first_are_told() -> None:
    with pytest.raises(BadInput) as refused:
        prompt_texts.read("\n".join(["train:"] * 8))
    assert "Line 5 holds" in refused.value.message
    assert "and 3 more" in refused.value.message
    assert "Line 6" not in refused.value.message


@pytest.mark.parametrize(
    "prompts",
    [
        [PromptLine("cat"), PromptLine("eval: a dog"), PromptLine("# owl"), PromptLine("fox", Split.TRAIN)],
        [PromptLine("cat, asleep", Split.EVAL, 2), PromptLine('a "dog"', Split.BOTH, 1)],
    ],
)
def test_a_written_list_is_read_as_it_was(prompts: list[PromptLine]) -> None:
    text, form = prompt_texts.written(prompts)
    found = prompt_texts.read(text, form)
    assert [PromptLine(one.text, one.split or Split.BOTH, int(one.weight)) for one in found] == prompts


def test_weights_become_the_smallest_whole_numbers_that_compare_alike() -> None:
    assert prompt_texts.whole_weights([Fraction(1, 2), Fraction(1), Fraction("0.75")]) == [2, 4, 3]
    assert prompt_texts.whole_weights([Fraction(6), Fraction(6)]) == [1, 1]
    assert prompt_texts.whole_weights([]) == []
    with pytest.raises(BadInput, match="up to 100 times"):
        prompt_texts.whole_weights([Fraction(1, 3), Fraction(100)])


def test_a_files_name_tells_its_form() -> None:
    assert [prompt_texts.form_of(name) for name in ("a.CSV", "b.jsonl", "c.txt", "d", "e.tsv")] == [
        Form.CSV,
        Form.JSONL,
        Form.LINES,
        Form.LINES,
        Form.CSV,
    ]

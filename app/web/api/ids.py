"""The path convertor `id`: `/studies/{study_id:id}` is no address for `/studies/estimate`."""

from starlette.convertors import Convertor, register_url_convertor


class IdConvertor(Convertor[int]):
    """A whole number that the database can hold."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", IdConvertor())

"""Names that hold number words and are written as they are: 三里庄, 五一路, 二七新村."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from gateway.speech.text.numerals import ANY

# Words of the language, not of one city, that a rule would otherwise take for a number.
_SAYINGS = (
    *("百分之百", "一分钱一分货", "一毛不拔", "三元里", "三元桥", "三元村", "三元朱", "二元论"),
    *("十字路口", "十里长街", "四点水", "三点水", "两点一线", "三点一线", "一五一十", "十万火急"),
    *("二十四节气", "三十六计", "七十二变", "一百零八将", "一千零一夜", "三百六十行", "十年树木"),
    *("百年树人", "十年如一日", "三八节", "三八妇女节", "五四青年节", "六一儿童节", "三一五晚会"),
    *("一点一滴", "一点一点", "三番五次", "五湖四海", "四合院", "二人转", "万年青", "千层底"),
    *("十八般武艺", "十二生肖", "二十一点", "百日咳", "十三香", "三五牌", "八一建军节", "七一勋章"),
    *("七零八落", "七零八碎", "孤零零", "零零碎碎", "零零散散", "零零星星", "三百六十度大转弯"),
)


class Guard:
    """Finds the places of a text that no rule may touch; ``names`` without numbers cost nothing."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._by_start: dict[str, list[str]] = defaultdict(list)
        for name in sorted({*_SAYINGS, *names}, key=len, reverse=True):
            if len(name) > 1 and any(character in ANY for character in name):
                self._by_start[name[:2]].append(name)

    def places(self, text: str) -> Iterator[range]:
        """Return the ranges of characters that are part of a guarded name, the longest of each."""
        for start in range(len(text) - 1):
            for name in self._by_start.get(text[start : start + 2], ()):
                end = start + len(name)
                # 二七路 is not named in 一二七路: there the number goes on.
                if text.startswith(name, start) and not (
                    _continues(text, start) or _continues(text, end)
                ):
                    yield range(start, end)
                    break


def _continues(text: str, border: int) -> bool:
    """Say whether a number runs across this border."""
    return 0 < border < len(text) and text[border - 1] in ANY and text[border] in ANY

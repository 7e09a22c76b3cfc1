"""Where number words are written in figures: each rule names the words around them that say so.

Whatever no rule names stays as it was said. Only the named groups of a pattern are rewritten; the
first letter of a group's name says how:

``d`` read figure by figure, ``n`` either way, ``c`` a cardinal, ``l`` a cardinal of ten or more,
``m`` a cardinal as money is told (三千二), ``p`` a percentage with its 百分之, ``f`` a decimal,
``t`` a cardinal of two figures (08 minutes).
"""

import re
from dataclasses import dataclass

from gateway.speech.text.numerals import ANY, COUNTING, DIGITS, ROW

_APART = rf"(?<![{ANY}0-9.])"
_OVER = rf"(?![{ANY}0-9])"
_FIGURE = "[一二三四五六七八九]"
_ENDED = r"(?:$|[^\w]|_)"
_SEPARATOR = "[，,、 -]"
# What is one thing, counted, and no figure of the row before it: 打我电话幺三八…零一个人.
_ONE_THING = "一[个下直样定些点般起共次家]"


def _number(name: str) -> str:
    return rf"{_APART}(?P<{name}>[{COUNTING}]+){_OVER}"


def _row(name: str, least: int, most: int | str = "") -> str:
    return rf"{_APART}(?P<{name}>[{ROW}]{{{least},{most}}}?)(?={_ONE_THING}|(?![{ANY}0-9]))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One reason to write figures."""

    name: str
    pattern: re.Pattern[str]


# An hour may follow the figure of a weekday: 周三三点.
_AT = rf"(?:{_APART}|(?<=周[一二三四五六])|(?<=期[一二三四五六])|(?<=拜[一二三四五六]))"
_HOUR = "(?:十[一二]?|二十[一二三四]?|十[三四五六七八九]|[零两二三四五六七八九])"
_ANY_HOUR = f"(?:{_HOUR}|一)"
_DAY_PART = (
    "凌晨|清晨|早晨|早上|上午|中午|下午|傍晚|晚上|夜里|夜间|半夜|今晚|昨晚|明晚|明早|今早|当天"
    "|早|晚"
)
_NOT_A_POINT = (
    f"(?!意见|要求|建议|希望|问题|诉求|原因|共识|说明|理由|内容|疑问|情况|[儿些滴水{ANY}])"
)
_AFTER_HOUR = (
    "半|整(?![改理治顿])|钟|一刻|三刻|多|左右|前后|以前|以后|之前|之后|开始|结束|开门|关门|上班|下班"
    "|上课|放学|起床|准时|过|[到至](?=[零一两二三四五六七八九十今明次早晚凌上中下])"
)
_MINUTE = f"(?:[二三四五]?十{_FIGURE}?|[零〇]{_FIGURE})"

_EXACT = (
    "平方公里|平方米|立方米|公里|千米|厘米|毫米|公分|平米|立方|公斤|千克|毫升|千瓦时|千瓦|分贝|吨|兆"
    "|米(?![线饭粉面粮黄缸])"
)
_MEASURES = (
    "个|名|位|人|户|家|口|辆|台|部|套|间|条|张|只|头|棵|根|块|片|件|份|次|回|遍|趟|天|日|周|年|小时"
    "|分钟|秒|岁|斤|升|度|平|亩|公顷|倍|页|栋|幢|座|层|级|届|期|批|盏|桶|袋|瓶|盒|箱|车|卷|种|项|起"
    "|处|所|站|节课|元|伏|瓦|里地|摄氏度|英寸|寸|百分点|" + _EXACT
)
# A measure word that begins a name (十亩园, 三十家子村) counts nothing.
_NOT_A_NAME = "(?![园路街巷村庄桥屯店河湖山镇乡堡营铺坊井沟寺庙岭峪洼寨坝坡子])"
_ABOUT = "[多余来]?"
_UNDECIDED = rf"(?<![第几数{ANY}0-9.])(?<![{ANY}]点)"
_TO = "[到至]"

_CALLED = (
    "电话|手机|手机号|座机|号码|热线|编号|工号|单号|卡号|尾号|分机|分机号|验证码|取件码|邮编|身份证"
    "|身份证号|车牌|车牌号|微信号|微信|户号|表号|账号|警号|拨打|拨|打|报"
)
_IS = r"(?:号码?)?(?:就)?(?:是|为)?[：:，,\s]?"

_SOURCES: tuple[tuple[str, str], ...] = (
    # --- rows of figures
    ("id number", rf"{_APART}(?P<d1>[{ROW}]{{17}})(?=[Xx])"),
    ("long row", _row("d1", 7)),
    (
        "row told in groups",
        rf"{_APART}(?=(?:{_SEPARATOR}?[{ROW}]){{7,}})"
        rf"(?P<d1>[{ROW}]{{2,6}}(?:{_SEPARATOR}[{ROW}]{{2,6}}){{1,5}}){_OVER}",
    ),
    ("named number", rf"(?:{_CALLED}){_IS}{_row('d1', 3)}(?!晚会|节)"),
    ("tail number", rf"(?:尾号|分机号?|工号){_IS}{_row('d1', 2)}"),
    ("named service", rf"{_row('d1', 3, 6)}(?=市?民?政?务?服?务?(?:热线|电话|平台))"),
    ("row with yao", rf"{_APART}(?<!老)(?=[{ROW}]*幺)(?P<d1>[{ROW}]{{2,}}){_OVER}"),
    ("plate", rf"(?<=[A-Za-z]){_row('d1', 2)}"),
    # --- parts of a whole
    ("percentage", rf"(?P<p1>百分之[{COUNTING}]+(?:点[{DIGITS}]+)?){_OVER}(?![点几])"),
    (
        "decimal",
        rf"(?<![第几数{ANY}0-9.])(?P<f1>[{COUNTING}]+点[{DIGITS}]+){_OVER}"
        rf"(?=(?:万|亿|个|元|块|度|倍|斤|升|亩|岁|小时|平|级|以[上下]|{_EXACT})(?!钟))",
    ),
    ("large decimal", rf"{_APART}(?P<f1>[{COUNTING}]+点[{DIGITS}]+[万亿])(?![{ANY}0-9])"),
    ("less than one", rf"{_APART}(?P<f1>零点[{DIGITS}]+){_OVER}(?![分点到至])"),
    # --- dates
    ("year", rf"{_APART}(?P<d1>[一二][{DIGITS}]{{3}}){_OVER}(?=年(?!级))"),
    (
        "short year",
        rf"{_APART}(?P<n1>[零〇九八七][{DIGITS}]|[一二][{DIGITS}]){_OVER}(?=年(?![级轮龄来]))",
    ),
    (
        "month and day",
        rf"(?:{_APART}|(?<=年))(?P<c1>十[一二]?|{_FIGURE})月(?:份的?)?"
        rf"{_number('c2')}(?=[号日](?!子))",
    ),
    (
        "month",
        rf"{_APART}(?P<c1>十[一二]?|{_FIGURE})(?=月(?:份|底|初|中旬|上旬|下旬|末|以[前后来]|之[前后]"
        rf"|[到至][一二三四五六七八九十]+月|开始|$|[，。、,.！？；\s]))",
    ),
    ("month of a year", rf"(?<=年)(?P<c1>十[一二]?|{_FIGURE})(?=月)"),
    ("later month", rf"月(?:份|底|初)?{_TO}(?P<c1>十[一二]?|{_FIGURE})(?=月)"),
    ("decade", rf"{_APART}(?P<d1>[零〇六七八九][零〇五])(?=后)"),
    # --- times of day
    (
        "minutes",
        rf"{_AT}(?P<c1>{_ANY_HOUR})点(?P<t2>{_MINUTE})(?![{ANY}0-9万亿点])(?=分(?!钟|之)|[^\w]|$"
        rf"|[到至就才来去走了的开出]|左右)",
    ),
    ("clock", rf"(?:{_DAY_PART}|[从到至])的?{_APART}(?P<c1>{_HOUR})(?=点{_NOT_A_POINT})"),
    (
        "one o'clock",
        rf"(?:凌晨|中午|下午|半夜){_APART}(?P<c1>一)(?=点(?![儿都也点声没]){_NOT_A_POINT})",
    ),
    (
        "clock on its own",
        rf"(?<![这那有下提第几差早晚]){_AT}(?P<c1>{_HOUR})(?=点(?:{_AFTER_HOUR})(?![儿些]))",
    ),
    ("half past one", rf"{_AT}(?P<c1>一)(?=点(?:半(?!天)|整(?![改理治顿])|钟|一刻|三刻|左右))"),
    # --- money
    (
        "money with change",
        rf"{_UNDECIDED}(?P<m1>[{COUNTING}]+)(?:块|元)"
        rf"(?:(?P<c2>{_FIGURE})[毛角](?:(?P<c3>{_FIGURE})(?=分|钱|{_ENDED}|一))?"
        rf"|(?P<c4>{_FIGURE})(?=钱|{_ENDED}|的|左右|一[斤个度吨升次天平方公瓶件张位包箱月年]))",
    ),
    (
        "dimes with cents",
        rf"{_UNDECIDED}(?P<c1>{_FIGURE})毛(?P<c2>{_FIGURE})(?=分|钱|{_ENDED}|一)",
    ),
    ("dimes", rf"{_UNDECIDED}(?P<c1>[{COUNTING}])(?=[毛角]钱)"),
    ("cents", rf"{_UNDECIDED}(?P<c1>[二两三四五六七八九])(?=分钱)"),
    ("money", rf"{_UNDECIDED}(?P<m1>[{COUNTING}]+)(?={_ABOUT}[元块]钱)"),
    (
        "yuan",
        rf"{_UNDECIDED}(?P<m1>[{COUNTING}]+)(?=元(?:{_ENDED}|[每一多以左到至人的/钱]))",
    ),
    ("large money", rf"{_UNDECIDED}(?P<m1>[{COUNTING}]{{2,}})(?={_ABOUT}[元块]{_NOT_A_NAME})"),
    (
        "money paid",
        rf"(?:花|交|收|罚|扣|欠|付|赔|赚|要|挣)了?我?们?{_UNDECIDED}"
        rf"(?P<m1>[{COUNTING}]{{3,}}){_OVER}(?={_ENDED})",
    ),
    # --- addresses
    (
        "house number",
        rf"(?<![第几数{ANY}0-9.])(?!两)(?P<n1>[{COUNTING}幺]+)(?=号(?![召令称角叫]))",
    ),
    ("entrance", rf"{_APART}(?!两)(?P<n1>[{COUNTING}]+)(?=单元)"),
    (
        "building",
        rf"(?<![第几数{ANY}0-9.])(?!两)(?P<n1>[{COUNTING}]+)"
        rf"(?=[栋幢](?!楼|房|别墅|大|建筑|老|新|旧|危|住))",
    ),
    ("room", rf"{_APART}(?P<n1>[{COUNTING}幺]{{3,}})(?=室)"),
    (
        "room behind its building",
        rf"(?:单元|栋|幢|号楼|座|层){_APART}(?P<n1>[{COUNTING}]{{2,}}){_OVER}(?={_ENDED})",
    ),
    ("floor", rf"(?<![第几数上下{ANY}0-9.])(?!两)(?P<n1>[{COUNTING}]+)(?=楼(?![道兰阁]))"),
    ("storey", rf"(?:楼|栋|单元|座|幢|号|在|住)(?!两)(?P<n1>[{COUNTING}]+)(?=层)"),
    ("lane", rf"(?<=[路街道])(?P<n1>[{COUNTING}]+)(?=[弄巷](?![子口]))"),
    ("long lane", rf"(?<![第几数{ANY}0-9.])(?P<l1>[{COUNTING}]{{2,}})(?=[弄巷])"),
    # --- bus lines
    (
        "bus line",
        rf"(?<![第几数经纬{ANY}0-9.])(?P<n1>[{COUNTING}幺]+)(?=路(?:公交|汽车|车))",
    ),
    (
        "bus taken",
        rf"(?:乘坐|换乘|坐|乘|公交车?|[BK]){_APART}(?P<n1>[{COUNTING}幺]+)(?=路(?![上走过]))",
    ),
    # --- quantities
    (
        "range",
        rf"{_UNDECIDED}(?P<c1>[{COUNTING}]+){_TO}(?P<l2>[{COUNTING}]{{2,}}|十){_OVER}"
        rf"(?=(?:{_MEASURES}){_NOT_A_NAME})",
    ),
    (
        "quantity",
        rf"{_UNDECIDED}(?P<l1>[{COUNTING}]{{2,}}|十){_OVER}(?={_ABOUT}(?:{_MEASURES}){_NOT_A_NAME})",
    ),
    (
        "exact quantity",
        rf"{_UNDECIDED}(?P<c1>[二两三四五六七八九]){_OVER}(?=(?:{_EXACT}){_NOT_A_NAME})",
    ),
    ("whole number", rf"{_UNDECIDED}(?P<l1>[{COUNTING}]{{3,}}){_OVER}(?={_ABOUT}{_ENDED})"),
    (
        "row with a zero",
        rf"{_APART}(?<!孤)(?=[{DIGITS}]*[零〇])(?P<d1>[{DIGITS}]{{3,}}){_OVER}"
        rf"(?={_ENDED}|[室房间号栋幢单楼年路厅线型款班寝宿病门的这那了是住有啊呀吧])",
    ),
)

RULES = tuple(Rule(name=name, pattern=re.compile(source)) for name, source in _SOURCES)
"""All rules, in the order in which they may claim a place."""

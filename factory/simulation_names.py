"""Names of a simulated register (模拟注册库): of people and of enterprises; nobody has them.

How often what occurs is documented in docs/simulate.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from random import Random

from factory.model import Sex

#: Surnames in the order of how often they occur; the first ten with their shares in a thousand.
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任"
    "卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔"
    "向常汤康易乔赖文樊兰施殷洪岳柳骆翟安颜倪牛温鲁葛柴俞章毕聂齐伍庄涂申路欧耿关焦柏翁裴包尤查麻靳巩"
)
FIRST_SHARES = (72, 72, 68, 54, 45, 31, 23, 21, 20, 19)
EXPONENT = 0.9  #: of the ranks after the tenth
DOUBLE = ("欧阳", "司徒", "上官", "诸葛", "司马", "皇甫", "慕容", "令狐", "尉迟", "长孙", "夏侯")

GIVEN_OF = {
    Sex.MALE: "伟强军勇涛超明刚平辉鹏华飞斌波宇浩凯健俊帆峰磊洋"
    "毅成康林亮新杰志建国海文东立永少家子正一",
    Sex.FEMALE: "芳娜敏静丽艳娟霞秀燕玲婷慧莹雪琳晶颖洁媛梅红玉萍"
    "佳倩怡琴云兰凤洁瑶璐蕾薇菲珊莉春小晓雅思",
}
#: Characters that a keyboard has and many systems had not; level two and three of 通用规范汉字表.
SELDOM = "喆翀淼焱旻昇堃珺玥曌頔彧赟昶旸祎翯犇骉瑢玚珉䶮㛃"
#: Beyond the Basic Multilingual Plane (GB 18030-2022 level two and three); the faces print them.
RARE = "𬭎𬭊𬬭𬶮𬶭𬍛𬀩𬘓𬱖𬤇𬣙𬇕𬘭𬴃𬙂𫖯𫍽𫄸𫍣𪨰𫗧𬍤𬊈𬮱𬤊𬸣𬴂𬬩𬭳𬭩𬭤𬭸𬬻𬬿𫟹𫓧𫔶𪩘𬊤𬍡𬒈𬒗"
#: No face prints them: private use (造字区), and extensions I and H of CJK that came later.
HARD = "\ue0c5\ue815\U0002ebf0\U0002ec00\U000323b0"

UIGHUR = (
    "阿依古丽", "买买提", "吐尔逊", "阿卜杜热合曼", "古丽娜扎尔", "艾力", "帕提古丽", "热依汗",
    "玉素甫", "迪丽努尔", "阿布都克里木", "努尔兰", "哈丽代", "艾尼瓦尔",
)  # fmt: skip
TIBETAN = ("扎西", "卓玛", "多吉", "尼玛", "次仁", "央金", "平措", "德吉", "旺堆", "拉姆")
MONGOL = ("乌兰", "托娅", "巴特尔", "其其格", "斯琴", "高娃", "格日勒", "苏和", "娜仁", "呼和")

#: share of each way a name is made up, in the order of ``_WAYS``; the rest is the first
SHARES = (0.8485, 0.105, 0.006, 0.008, 0.01, 0.005, 0.005, 0.003, 0.006, 0.0035)
HARD_SHARE = 0.004  #: of all people, only where asked for


def _given(chance: Random, sex: Sex, count: int) -> str:
    return "".join(chance.choice(GIVEN_OF[sex]) for _ in range(count))


def _surname(chance: Random) -> str:
    return chance.choices(SURNAMES, cum_weights=_SURNAME_WEIGHTS)[0]


def _two(chance: Random, sex: Sex) -> str:
    return _surname(chance) + _given(chance, sex, 2)


def _one(chance: Random, sex: Sex) -> str:
    return _surname(chance) + _given(chance, sex, 1)


def _three(chance: Random, sex: Sex) -> str:
    return _surname(chance) + _given(chance, sex, 3)


def _double(chance: Random, sex: Sex) -> str:
    return chance.choice(DOUBLE) + _given(chance, sex, 1 + (chance.random() < _MOST))


def _both(chance: Random, sex: Sex) -> str:
    """Both parents' surnames before the given name: four characters, mostly."""
    return _surname(chance) + _surname(chance) + _given(chance, sex, 1 + (chance.random() < _MOST))


def _dotted(chance: Random, _: Sex) -> str:
    return "·".join(chance.sample(UIGHUR, 2))


def _tibetan(chance: Random, _: Sex) -> str:
    return "".join(chance.sample(TIBETAN, 2))


def _mongol(chance: Random, _: Sex) -> str:
    return "".join(chance.sample(MONGOL, 2))


def _seldom(chance: Random, sex: Sex) -> str:
    return _surname(chance) + _given(chance, sex, chance.randrange(2)) + chance.choice(SELDOM)


def _rare(chance: Random, sex: Sex) -> str:
    return _surname(chance) + _given(chance, sex, chance.randrange(2)) + chance.choice(RARE)


def _weights() -> Sequence[float]:
    """Zipf: the share of a rank falls with a power of it, from the tenth share on."""
    tenth = len(FIRST_SHARES)
    rest = (
        FIRST_SHARES[-1] * (tenth / rank) ** EXPONENT
        for rank in range(tenth + 1, len(SURNAMES) + 1)
    )
    return list(accumulate((*FIRST_SHARES, *rest)))


_MOST = 0.8
_SURNAME_WEIGHTS = _weights()
_WAYS = (_two, _one, _three, _double, _both, _dotted, _tibetan, _mongol, _seldom, _rare)
_WAY_WEIGHTS = list(accumulate(SHARES))


def person(chance: Random, sex: Sex, *, hard: bool) -> str:
    """What somebody is called; ``hard``: some have a character that no face prints."""
    name = chance.choices(_WAYS, cum_weights=_WAY_WEIGHTS)[0](chance, sex)
    wanted = chance.random() < HARD_SHARE  # drawn in any case: everybody else stays as they are
    return _surname(chance) + chance.choice(HARD) if hard and wanted else name


# --- enterprises ------------------------------------------------------------------------------

MARKS = (
    "安邦成德恩帆光涵嘉康黎明宁鹏启荣尚天文欣亚泽志宏远达瑞丰泰隆兴盛华建中恒信诚正大同和通腾飞翔"
)
TRADES = (
    "建设工程", "建筑工程", "市政工程", "建筑安装工程", "建筑装饰工程", "机电设备安装", "路桥工程",
    "水利水电工程", "园林绿化工程", "工程项目管理", "工程造价咨询", "工程监理咨询",
)  # fmt: skip
FORMS = ("有限公司",) * 8 + ("集团有限公司", "股份有限公司", "（集团）有限公司", "有限责任公司")
#: every so many enterprises one has a name that a page must wrap
LONG_EVERY, LONG = 40, "科技发展与基础设施投资运营管理"
SHORT_NAMES = len(MARKS) ** 2 * len(TRADES)
STEP = 104_729  #: prime to how many short names there are: neighbours are not called alike


def enterprise(place: str, number: int, seed: int) -> str:
    """What an enterprise is called: no two of a register alike, below a million of them."""
    longer, turn = divmod(number, SHORT_NAMES)
    rest, trade = divmod((turn * STEP + seed) % SHORT_NAMES, len(TRADES))
    first, then = divmod(rest, len(MARKS))
    mark = MARKS[first] + MARKS[then] + (MARKS[longer - 1] if longer else "")
    middle = LONG if number % LONG_EVERY == LONG_EVERY - 1 else ""
    return f"{place}示例{mark}{middle}{TRADES[trade]}{FORMS[number % len(FORMS)]}"

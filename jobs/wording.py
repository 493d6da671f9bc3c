"""The Chinese word of everything a table or a page shows; programs are told the identifiers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from factory.access import Viewer
from factory.ending import Thing
from factory.figures import What
from factory.kinds import rename_list
from factory.lifecycle import Fate, Turn
from factory.model import ItemState, Kind, Party
from factory.opinions import TYPES
from factory.register import Happening

#: whose turn it is, and who took a step
OWNERS: Mapping[str, str] = MappingProxyType(
    {
        "applicant": "申请人",
        "enterprise": "聘用企业",
        "holder": "持证人",
        "counter": "窗口",
        "centre": "注册中心",
        "authority": "审批机关",
        "operations": "运维人员",
        "upstream": "来源系统",
        "factory": "制证系统",
        "nobody": "无",
    }
)
#: what an event says
EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "registration.imported": "导入",
        "registration.approved": "批准",
        "registration.cancelled": "注销",
        "registration.suspended": "暂扣",
        "registration.resumed": "暂扣发还",
        "holder.corrected": "持证人信息更正",
        "enterprise.renamed": "企业更名",
        "authority.seal_replaced": "印章更换",
        "authority.renamed": "发证机关更名",
        "design.revised": "证书式样更新",
        "reissue.requested": "指定换发",
        "application.saved": "申请保存",
        "application.signed": "申请签名",
        "application.attached": "申报材料",
        "application.closed": "办理环节",
    }
)
HAPPENINGS: Mapping[Happening, str] = MappingProxyType(
    {
        Happening.SAVE: "保存",
        Happening.SUBMIT: "提交",
        Happening.APPLICANT_SIGNS: "个人签名",
        Happening.ENTERPRISE_SIGNS: "企业签名",
        Happening.PASSED: "通过",
        Happening.ACCEPTED: "进入审批",
        Happening.PUBLICITY: "公示",
        Happening.APPROVE: "批准",
        Happening.ANNOUNCED: "公告",
        Happening.RETURNED: "退回",
        Happening.REJECTED: "不予批准",
        Happening.WITHDRAWN: "撤回",
    }
)
KINDS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.CERTIFICATE: "注册证书",
        Kind.APPLICATION_FORM: "注册申请表",
        Kind.ACCEPTANCE_NOTICE: "受理通知书",
        Kind.FILING_SLIP: "申报告知单",
        Kind.RENAME_LIST: "企业更名结果",
        Kind.BATCH_REPORT: "批次报告",
    }
)
#: what became of an item of a rename, as its list prints it
OUTCOMES: Mapping[ItemState, str] = MappingProxyType(
    {
        ItemState.PENDING: "待处理",
        ItemState.ORDERED: "生成中",
        ItemState.DONE: rename_list.REISSUED,
        ItemState.SKIPPED: "无需换发",
        ItemState.HELD: "需处理",
    }
)
#: why an item was skipped
SKIPPED: Mapping[str, str] = MappingProxyType(
    {
        "no longer in force": "已不在册",
        "registration cancelled": "已注销",
        "has expired": "注册已过期",
        "made when it is collected": "领证时按现行内容生成",
        "its newest edition is right already": "现证书已符合",
        "its newest edition is still being made": "新证书正在生成",
        "is on paper: exchanged when its holder asks": "纸质证书，申请换领时换发",
        "its holder's data has been erased": "信息已删除",
        "a newer edition is ordered": "已另行换发",
        "the batch was cancelled": "批次已取消",
    }
)
#: why an item, or anything else, is held
HELD: Mapping[str, str] = MappingProxyType(
    {
        "picture": "缺照片或签名图片",
        "unprintable": "有字库中没有的字",
        "character": "有不能印制的字符",
        "field": "证件号码或信用代码有误",
        "conflict": "与登记内容不一致",
        "lint": "版面检查未通过",
        "self_check": "自检未通过",
        "second_reading": "复读结果不一致",
        "seal_refused": "印章不可用",
        "seal_revoked": "印章证书已吊销",
        "seal_retired": "印章已停用",
        "seal_unknown": "印章版本未知",
        "seal_changed": "批次进行中印章已更换",
        "sealed_data": "加密数据无法打开",
        "store_unavailable": "存储无响应",
        "key_busy": "签章设备无响应",
        "timestamp_unavailable": "时间戳服务无响应",
        "clock": "登记库时钟超前于时间戳服务",
        "longterm_unavailable": "缺证书吊销列表",
        "poison": "多次使制证进程中断",
    }
)
FATES: Mapping[Fate, str] = MappingProxyType(
    {
        Fate.BEGIN: "注册",
        Fate.SUSPEND: "暂扣",
        Fate.RESUME: "恢复",
        Fate.CANCEL: "注销",
        Fate.LAPSE: "过期后另行注册",
    }
)
TURNS: Mapping[Turn, str] = MappingProxyType(
    {
        Turn.ORDER: "下单",
        Turn.TAKE_OVER: "导入",
        Turn.MAKE: "生成",
        Turn.MAKE_ASKED: "领证时生成",
        Turn.COLLECT: "领证",
        Turn.OUTDATE: "登记内容已变",
        Turn.GIVE_UP: "批次取消",
        Turn.REPLACE: "新版生成",
        Turn.REVOKE: "注销",
    }
)
VIEWERS: Mapping[Viewer, str] = MappingProxyType(
    {
        Viewer.HOLDER: "持证人",
        Viewer.ENTERPRISE: "聘用企业",
        Viewer.COUNTER: "窗口",
        Viewer.PUBLIC: "公众",
    }
)
PARTIES: Mapping[Party, str] = MappingProxyType({Party.APPLICANT: "个人", Party.ENTERPRISE: "企业"})
#: what figures count
WHATS: Mapping[What, str] = MappingProxyType(
    {
        What.ISSUED: "首次制证",
        What.REISSUED: "换发",
        What.COLLECTED: "领证",
        What.HELD: "挂起",
        What.REVOKED: "注销",
        What.EXPIRED: "到期",
    }
)
#: what ends by itself
THINGS: Mapping[Thing, str] = MappingProxyType(
    {
        Thing.SIGNING_CERTIFICATE: "签名证书",
        Thing.SEAL: "电子印章",
        Thing.ISSUER: "上级证书",
        Thing.TRUST_ROOT: "根证书",
        Thing.PARTY_ROOT: "签署方根证书",
        Thing.TIME_STAMPING: "时间戳服务证书",
        Thing.REVOCATION_LIST: "证书吊销列表",
        Thing.ACCESS_KEY: "访问密钥",
        Thing.OPERATOR: "操作员令牌",
    }
)
_APPLIED = {each.value: word for each, word in TYPES.items()}


def reason_of(what: What, reason: str) -> str:
    """The word for why something is counted; the identifier where there is none."""
    words = HELD if what is What.HELD else {**EVENTS, **_APPLIED}
    return words.get(reason, reason)

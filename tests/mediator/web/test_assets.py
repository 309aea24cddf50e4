import re

import pytest

from mediator.interfaces.web.assets import asset_address, load_assets

ASSETS = load_assets()
#: A full address, or one that starts with //, in a style sheet, script or picture. Names of XML are no addresses.
ELSEWHERE = re.compile(rb"(?:https?:|url\(|@import|[\"'`(]//)")


@pytest.mark.parametrize("name", ASSETS)
def test_no_asset_asks_for_anything_from_elsewhere(name):
    found = ELSEWHERE.findall(ASSETS[name].content.replace(b'xmlns="http://www.w3.org/2000/svg"', b""))
    assert found == []


@pytest.mark.parametrize("name", [name for name in ASSETS if name.endswith(".js")])
def test_no_script_writes_markup(name):
    writing = rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|srcdoc"
    assert re.findall(writing, ASSETS[name].content) == []


def test_the_address_of_an_asset_changes_with_its_content():
    assert asset_address("app.js") == f"/static/app.js?v={ASSETS['app.js'].version}"


def test_the_assets_are_small():
    assert sum(len(asset.content) for name, asset in ASSETS.items() if name != "site.css") < 64_000

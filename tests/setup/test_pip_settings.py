from scripts.pip_settings import as_uv_variables, read_pip_settings

LISTING = """\
:env:.find-links='/from/env'
:env:.default-timeout='180'
global.cert='/etc/ca.crt'
global.extra-index-url='file:///one/simple\\nfile:///two/simple'
global.find-links='/from/file'
global.index-url='https://mirror.example/simple'
install.index-url='https://install.example/simple'
"""


def test_the_environment_wins_over_the_section_of_install_and_that_over_the_global_one() -> None:
    settings = read_pip_settings(LISTING)

    assert settings["find-links"] == ["/from/env"]
    assert settings["index-url"] == ["https://install.example/simple"]
    assert settings["cert"] == ["/etc/ca.crt"]


def test_every_source_of_packages_is_handed_over_to_uv() -> None:
    assert as_uv_variables(read_pip_settings(LISTING)) == {
        "UV_DEFAULT_INDEX": "https://install.example/simple",
        "UV_INDEX": "file:///one/simple file:///two/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/from/env",
        "SSL_CERT_FILE": "/etc/ca.crt",
    }


def test_a_pip_without_settings_leaves_uv_to_its_own() -> None:
    assert as_uv_variables(read_pip_settings("")) == {}
    assert as_uv_variables(read_pip_settings(":env:.find-links=''\n")) == {}

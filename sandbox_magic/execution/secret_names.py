"""Names that look like a person's secrets, and what to call them. A name proves nothing: this words a sentence."""

from __future__ import annotations

import fnmatch

_NAMES = (
    ("SSH keys", ".ssh id_rsa id_dsa id_ecdsa id_ed25519 authorized_keys"),
    ("AWS credentials", ".aws"),
    ("cloud credentials", "gcloud .azure .boto application_default_credentials.json .terraform.d"),
    ("Kubernetes credentials", ".kube kubeconfig serviceaccount"),
    ("Docker credentials", ".docker .dockercfg"),
    ("the Docker socket", "docker.sock containerd.sock podman.sock"),
    ("saved passwords", ".netrc .git-credentials .pgpass .my.cnf .htpasswd keyrings kwalletd *.kdbx login.keychain*"),
    ("keys of package registries", ".npmrc .pypirc .yarnrc .cargo credentials.toml"),
    ("GPG keys", ".gnupg secring.gpg"),
    ("browser profiles", ".mozilla google-chrome chromium BraveSoftware microsoft-edge logins.json key4.db Cookies"),
    ("browser profiles", "cookies.sqlite"),
    ("wallets", "wallet.dat .bitcoin .ethereum .electrum .monero .solana Exodus keystore *.wallet"),
    ("password hashes", "shadow shadow- gshadow master.passwd"),
    ("shell history", ".bash_history .zsh_history .python_history .sh_history .psql_history"),
    ("environment files", ".env .env.*"),
    ("private keys", "*.pem *.ppk *.p12 *.pfx *.key"),
    ("secrets", "*token* *secret* *password* *passwd.txt *credential*"),
)
_PATTERNS = tuple((what, pattern) for what, patterns in _NAMES for pattern in patterns.split())


def secret(path: str) -> str:
    """Return what a path looks like, in the words of a sentence; empty for an ordinary one."""
    parts = [part for part in path.split("/") if part]
    for what, pattern in _PATTERNS:
        whole = pattern.startswith("*") or "." in pattern.lstrip(".")  # of a file, not of what it lies in
        if any(fnmatch.fnmatchcase(part, pattern) for part in (parts[-1:] if whole else parts)):
            return what
    return ""

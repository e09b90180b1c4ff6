# Commands in a login shell find the installation of the package.
export PILLARBOX_CONFIG="${PILLARBOX_CONFIG:-/etc/pillarbox/pillarbox.toml}"

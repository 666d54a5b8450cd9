#!/bin/sh
# Copies node, the shared libraries that it loads, and the few files that name resolution and users need, into the folder
# that is given. Runs in the Node image of the platform that the service's image is for.
set -eu
to=$1
mkdir -p "$to/usr/local/bin" "$to/etc/ssl/certs" "$to/tmp" "$to/var/lib/dpkg/status.d"
chmod 1777 "$to/tmp"
cp /usr/local/bin/node "$to/usr/local/bin/node"

ldd /usr/local/bin/node | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
  mkdir -p "$to$(dirname "$library")"
  cp -L "$library" "$to$library"
done

echo 'nonroot:x:65532:65532:nonroot:/app:/sbin/nologin' > "$to/etc/passwd"
echo 'nonroot:x:65532:' > "$to/etc/group"
echo 'hosts: files dns' > "$to/etc/nsswitch.conf"
cp -L /etc/os-release "$to/etc/os-release"
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then cp /etc/ssl/certs/ca-certificates.crt "$to/etc/ssl/certs/"; fi

# Lets scanners see which versions of the libraries these are.
for package in libc6 libstdc++6 libgcc-s1; do
  dpkg-query --status "$package" > "$to/var/lib/dpkg/status.d/$package"
done

# Proves that nothing is missing before anything is built on it.
chroot "$to" /usr/local/bin/node -e 'process.stdout.write(`node ${process.version}, ICU ${process.versions.icu}\n`)'

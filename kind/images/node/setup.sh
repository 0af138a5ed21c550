#!/bin/sh
# Turns a Debian root file system with kind's base files into a kind node. Runs once, in the image build.
set -eu

chmod 755 /kind /kind/bin /kind/bin/* /usr/local/bin/entrypoint
find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
  /lib/systemd/system/sockets.target.wants/*initctl* /lib/systemd/system/basic.target.wants/*
echo 'ReadKMsg=no' >>/etc/systemd/journald.conf
ln -sf /usr/lib/systemd/systemd /sbin/init

# kind's unit starts containerd from /usr/local/bin; Debian keeps it in /usr/bin.
for tool in containerd ctr containerd-shim-runc-v2; do ln -sf "/usr/bin/$tool" "/usr/local/bin/$tool"; done
for name in kubelet kubeadm kubectl; do ln -sf kubernetes "/usr/bin/$name"; done
mkdir -p /opt/cni && ln -sfn /usr/lib/cni /opt/cni/bin
mkdir -p /etc/kubernetes/manifests /etc/cni/net.d

# The hook shows a pod the node's product files; containerd must not set limits that the node was not given.
ctr oci spec |
  jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
    >/etc/containerd/cri-base.json

# Where the node may not lower oom_score_adj, containerd has to keep to what it has; elsewhere this changes nothing
# that a throw-away cluster would notice.
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml

systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service systemd-resolved.service etcd.service

printf '%s' "$PART_VERSION" >/kind/version

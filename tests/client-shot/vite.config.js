// One loopback origin for the page and the homeserver. `.well-known` goes there too, or the page would answer for it.
const homeserver = process.env.HOMESERVER || 'http://127.0.0.1:8008';

export default {
  build: { target: 'esnext', assetsInlineLimit: 0 },
  preview: {
    host: '127.0.0.1',
    port: Number(process.env.PORT || 8091),
    strictPort: true,
    proxy: { '/_matrix': homeserver, '/.well-known': homeserver },
  },
};

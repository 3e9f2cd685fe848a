// How things are called and times are told.

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

/** `3 minutes ago`, `in 2 days`. */
export function fromNow(text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 5 ? relative.format(Math.round(seconds), "second") : "just now";
}

export const exact = (text) => absolute.format(new Date(text));

/** The time of day, for lists of what happens right now. */
export const clock = (text) => new Date(text).toLocaleTimeString();

/** A phone number in groups that can be read aloud. */
export function phone(number) {
  if (/^1\d{10}$/.test(number)) return number.replace(/^1(\d{3})(\d{3})(\d{4})$/, "+1 $1 $2 $3");
  return `+${number}`;
}

/** Tone and words of a device's link. */
export const LINKS = {
  connected: ["good", "Connected"],
  reconnecting: ["warn", "Reconnecting"],
  connecting: ["warn", "Connecting"],
  "phone offline": ["warn", "The phone is offline"],
  linking: ["idle", "Linking"],
  unlinked: ["idle", "Not linked"],
  "logged out": ["bad", "Logged out by the phone"],
  replaced: ["bad", "Replaced by another session"],
  banned: ["bad", "Banned by WhatsApp"],
  outdated: ["bad", "Too old for WhatsApp"],
  refused: ["bad", "Refused by WhatsApp"],
};

/** Tone and words of a delivery. */
export const DELIVERIES = {
  waiting: ["warn", "Waiting"],
  delivered: ["good", "Delivered"],
  failed: ["bad", "Failed"],
  dropped: ["idle", "Dropped"],
};

/** Why a message will not arrive. */
export const REASONS = {
  invalid_recipient: "That is no number, chat or invite link.",
  not_on_whatsapp: "Nobody has WhatsApp under that number.",
  group_not_found: "That invite link leads to no group.",
  not_a_member: "The device is not in that group.",
  device_not_linked: "The device is no longer linked.",
  unsupported_recipient: "Messages cannot be sent there.",
  file_is_gone: "The file is no longer there.",
};

export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

// Days are counted in the reader's own time zone, which only the browser knows: it is kept in a cookie for the site.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `tastemaker_timezone=${zone}; path=/; max-age=31536000; samesite=lax`;

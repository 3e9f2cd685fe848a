// A whole Matrix client in a page: Hydrogen, from its SDK.
import { createNavigation, createRouter, FeatureSet, Platform, RootViewModel } from 'hydrogen-view-sdk';
import downloadSandbox from 'hydrogen-view-sdk/download-sandbox.html?url';
import worker from 'hydrogen-view-sdk/main.js?url';
import legacyBundle from '@matrix-org/olm/olm_legacy.js?url';
import wasm from '@matrix-org/olm/olm.wasm?url';
import wasmBundle from '@matrix-org/olm/olm.js?url';
import 'hydrogen-view-sdk/assets/theme-element-light.css';

const platform = new Platform({
  container: document.querySelector('#app'),
  assetPaths: { downloadSandbox, worker, olm: { wasm, legacyBundle, wasmBundle }, serviceWorker: '/sw.js' },
  config: { defaultHomeServer: location.origin },
  options: { development: false },
});
const navigation = createNavigation();
platform.setNavigation(navigation);
await platform.init();
const urlRouter = createRouter({ navigation, history: platform.history });
urlRouter.attach();
const features = await FeatureSet.load(platform.settingsStorage);
const view = new RootViewModel({ platform, urlRouter, navigation, features });
await view.load();
platform.createAndMountRootView(view);
